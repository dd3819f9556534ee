"""`chatwatt import accounts.csv meters.csv`: takes over a list; says what is wrong with which line, and why."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bot.texts import language_for, text
from chatwatt.importing.rows import account_rows, meter_rows
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from meters.profiles import load_profile, profile_names
from prepaid.domain.access import Actor
from prepaid.domain.imports import BadRow, Imported
from prepaid.usecases.import_places import import_places

IMPORTER = Actor(id="import", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("import", help="take over accounts and meters from CSV or XLSX files")
    parser.add_argument("accounts", type=Path, help="the accounts, as CSV (UTF-8 or GBK) or XLSX")
    parser.add_argument("meters", type=Path, help="the meters, likewise")
    parser.add_argument("--dry-run", action="store_true", help="check every row and change nothing")
    parser.add_argument("--skip-bad", action="store_true", help="take the good rows although others are bad")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when every row was good, 1 when some were bad. The last line is JSON."""
    accounts, bad_accounts = account_rows(arguments.accounts)
    meters, bad_meters = meter_rows(arguments.meters)
    async with open_runtime(load(), beside=True) as runtime:
        imported = await import_places(
            runtime.business({}),
            IMPORTER,
            accounts,
            meters,
            profiles={name: load_profile(name).utility for name in profile_names()},
            unreadable=[*bad_accounts, *bad_meters],
            dry_run=arguments.dry_run,
            skip_bad=arguments.skip_bad,
        )
    names = {"accounts": arguments.accounts.name, "meters": arguments.meters.name}
    for bad in imported.bad:
        print(_said(bad, names[bad.file]))
    print(json.dumps(_figures(imported)))
    return 1 if imported.bad else 0


def _said(bad: BadRow, file: str) -> str:
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    return f"{file}:{bad.line}: {text(language, bad.key, **bad.params)}"


def _figures(imported: Imported) -> dict[str, int | bool]:
    return {
        "accounts": imported.accounts,
        "meters": imported.meters,
        "unchanged": imported.unchanged,
        "bad": len(imported.bad),
        "written": imported.done,
    }
