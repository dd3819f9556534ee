"""`chatwatt restore DIR`: a backup into an empty database, checked before the first write, audited after the last."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from chatwatt.backup import read_manifest, restore_into
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import CLOCK
from prepaid.storage.dump import check_empty
from prepaid.storage.migrations import migrate_again
from prepaid.usecases.audit_ledger import audit_ledger


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("restore", help="read a backup into an empty database, then audit it")
    parser.add_argument("directory", type=Path, metavar="DIR", help="a folder that `chatwatt backup` wrote")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when the restored ledger is clean and the one that was backed up, else 1. The last line is JSON."""
    manifest = read_manifest(arguments.directory)
    async with open_runtime(load()) as runtime:
        await check_empty(runtime.database)
        documents = await restore_into(runtime.database, arguments.directory, manifest)
        await migrate_again(runtime.database, runtime.clock.now())
        audit = await audit_ledger(runtime.business({}), CLOCK)
    print(json.dumps({"documents": documents, **audit.as_json()}))
    return 0 if audit.clean and audit.as_json() == manifest.audit else 1
