"""`chatwatt backup DIR`: everything that the database holds, in a new folder, while the system runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from chatwatt.backup import back_up
from chatwatt.settings import load
from chatwatt.wiring import open_runtime


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("backup", help="write everything that the database holds to a new folder")
    parser.add_argument("directory", type=Path, metavar="DIR", help="a folder that is not there yet")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when the backup is whole and its ledger is clean, 1 when the ledger in it is not. The last line is JSON."""
    async with open_runtime(load(), beside=True) as runtime:
        manifest = await back_up(runtime.database, arguments.directory, runtime.clock.now())
    print(json.dumps({"documents": manifest.documents, **manifest.audit}))
    audit = manifest.audit
    return 0 if audit["sum"] == audit["mismatches"] == audit["chain_breaks"] == 0 else 1
