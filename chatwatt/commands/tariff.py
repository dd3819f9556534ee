"""`chatwatt tariff FILE`: reads a price list, refuses what is wrong with its line, and shows what each version costs.

One row for each version, step and band, in columns that a program can read too. With `--site` the version that the site
has not yet is shown at last month's use; with `--ask` a second person is asked to agree to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from chatwatt.settings import load
from chatwatt.tariff_files import load_plan
from chatwatt.wiring import open_runtime
from chatwatt.yaml_fields import MICRO_PER_YUAN, UNITS_PER_1000
from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused
from prepaid.domain.fees import pricing_of
from prepaid.domain.tariffs import ALWAYS, Tariff, TariffPlan, plan_of
from prepaid.ports import Business
from prepaid.usecases.authorize import as_of_now
from prepaid.usecases.change_tariff import change_tariff, preview_tariff
from prepaid.usecases.set_weather_hold import reach_site

OPERATOR = Actor(id="tariff", system=True)
"""Whoever may run this command on the server's own shell may look at anything there."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("tariff", help="check a price list and show what each version costs")
    parser.add_argument("file", type=Path, metavar="FILE", help="the price list, in YAML")
    parser.add_argument("--site", default="", metavar="ID", help="price last month's use of this site by it")
    parser.add_argument("--ask", default="", metavar="WHY", help="ask a second person to agree to it, for this reason")
    parser.add_argument("--as", dest="person", default="", metavar="PERSON", help="who asks: an id of `chatwatt staff`")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when the list is right; what is wrong is told as trouble."""
    if arguments.ask and not (arguments.site and arguments.person):
        raise Refused("refused.ask_needs_site")
    try:
        plan = load_plan(arguments.file)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("refused.file_unreadable", path=str(arguments.file)) from error
    if arguments.site:
        async with open_runtime(load(), beside=True) as runtime:
            return await change(runtime.business({}), arguments.site, plan, arguments.ask, arguments.person)
    for row in rows(plan):
        print("\t".join(row))
    return 0


async def change(business: Business, site_id: str, plan: TariffPlan, why: str = "", person: str = "") -> int:
    """Shows each account's last month before and after; with a reason also asks a second person, by chat.

    The asker is one of the staff, whose own right is looked at: the second person must be another (A6).
    """
    version = new_version(await reach_site(business, OPERATOR, site_id, Action.CHANGE_TARIFF), plan)
    preview = await preview_tariff(business, OPERATOR, site_id, version, utility=plan.utility)
    print("account\tplace\tkwh\tbefore\tafter")
    for line in preview.lines:
        before, after = (_decimal(micro, MICRO_PER_YUAN) for micro in (line.before_micro, line.after_micro))
        print("\t".join((line.account_id, line.label, _decimal(line.energy_wh, UNITS_PER_1000), before, after)))
    if why:
        asker = await as_of_now(business, person)
        approval = await change_tariff(business, asker, site_id, version, why=why, utility=plan.utility)
        print(f"asked\t{approval.id}\t{version.id}\t{approval.expires_at.isoformat()}")
    return 0


def new_version(site: Site, plan: TariffPlan) -> Tariff:
    """The one version that the site has not. Raises `Refused` when there is none, or more than one."""
    held = pricing_of(site, None, plan.utility)
    known = {version.id for version in plan_of(held).versions} if held is not None else set()
    new = [version for version in plan.versions if version.id not in known]
    if not new:
        raise Refused("refused.tariff_nothing_new")
    if len(new) > 1:
        raise Refused("refused.tariff_one_version", versions=len(new))
    return new[0]


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
