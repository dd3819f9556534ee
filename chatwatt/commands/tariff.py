"""`chatwatt tariff FILE`: reads a price list, refuses what is wrong with its line, and shows what each version costs.

One row for each version, step and band, in columns that a program can read too. Nothing is changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from chatwatt.tariff_files import load_plan
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import ALWAYS, Tariff, TariffPlan

UNITS_PER_1000 = 1000
MICRO_PER_YUAN = 1_000_000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("tariff", help="check a price list and show what each version costs")
    parser.add_argument("file", type=Path, metavar="FILE", help="the price list, in YAML")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when the list is right; what is wrong is told as trouble."""
    try:
        plan = load_plan(arguments.file)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("refused.file_unreadable", path=str(arguments.file)) from error
    for row in rows(plan):
        print("\t".join(row))
    return 0


def rows(plan: TariffPlan) -> Iterator[tuple[str, ...]]:
    """A head, then version, start, units above, band and price of each."""
    yield "version", "start", "above", "band", "price"
    for version in plan.versions:
        yield from _version_rows(version)


def _version_rows(version: Tariff) -> Iterator[tuple[str, ...]]:
    start = "-" if version.start == ALWAYS else version.start.isoformat()
    if version.free_wh:
        yield version.id, start, "0", "free", _decimal(version.free_wh, UNITS_PER_1000)
    for step in version.steps:
        above = _decimal(step.above_wh, UNITS_PER_1000)
        for band in version.bands:
            yield version.id, start, above, str(band), _decimal(step.price(band), MICRO_PER_YUAN)
    if version.sewage_micro:
        yield version.id, start, "0", "sewage", _decimal(version.sewage_micro, MICRO_PER_YUAN)
    for fee in version.fees:
        yield version.id, start, "0", f"fee:{fee.id}:{fee.every}", _decimal(fee.amount_micro, MICRO_PER_YUAN)


def _decimal(value: int, scale: int) -> str:
    """Exact, without zeros that say nothing."""
    whole, rest = divmod(value, scale)
    digits = str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
