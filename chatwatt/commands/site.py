"""`chatwatt site FILE`: sets up a site from a file, or changes its rules; without a file, lists the sites."""

from __future__ import annotations

import argparse
from pathlib import Path

from chatwatt.settings import load
from chatwatt.site_files import load_site
from chatwatt.wiring import open_runtime
from prepaid.domain.access import Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import plan_of
from prepaid.usecases.set_up_site import set_up_site

OPERATOR = Actor(id="site", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("site", help="set up a site or change its rules, or list them all")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the site, in YAML; else all are listed")
    parser.add_argument("--why", default="", metavar="WORDS", help="the reason, for the record")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when it was done or listed; what is wrong is told as trouble."""
    site = None if arguments.file is None else _read(arguments.file)
    async with open_runtime(load(), beside=True) as runtime:
        if site is None:
            for each in await runtime.store.sites.sites():
                print("\t".join(_row(each)))
            return 0
        why, dry_run = arguments.why, arguments.dry_run
        done = await set_up_site(runtime.business({}), OPERATOR, site, why=why, dry_run=dry_run)
    print("\t".join((done, *_row(site))))
    return 0


def _read(path: Path) -> Site:
    try:
        return load_site(path)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("refused.file_unreadable", path=str(path)) from error


def _row(site: Site) -> tuple[str, ...]:
    versions = ",".join(version.id for version in plan_of(site.tariff).versions)
    return site.id, site.path, site.calendar.time_zone, site.currency, versions, site.name
