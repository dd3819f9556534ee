"""`chatwatt audit`: replays the ledger; the last line is JSON; exit 1 on any difference."""

from __future__ import annotations

import argparse
import json

from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import CLOCK
from prepaid.usecases.audit_ledger import audit_ledger


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("audit", help="replay every ledger entry and compare with what is cached")
    parser.set_defaults(run=run)


async def run(_arguments: argparse.Namespace) -> int:
    """0 when everything holds, else 1."""
    async with open_runtime(load(), beside=True) as runtime:
        audit = await audit_ledger(runtime.business({}), CLOCK)
    print(json.dumps(audit.as_json()))
    return 0 if audit.clean else 1
