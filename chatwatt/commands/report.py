"""`chatwatt report`: a site's month on paper, from the ledger and the registers; the last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bot.rendering import tables
from bot.rendering.report_tables import finance_sheets, losses_sheets, share_sheets, usage_sheets, use_sheets
from bot.texts import language_for
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import CLOCK, Actor
from prepaid.domain.sharing import Rule
from prepaid.ports import Business
from prepaid.usecases.compare_site import use_report
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.place_losses import share_common
from prepaid.usecases.usage_report import show_losses, usage_report

Made = tuple[Sequence[tables.Sheet], dict[str, str | int]]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("report", help="a site's month on paper: finance, usage, use, losses or share")
    parser.add_argument("what", choices=sorted(MAKERS), help="finance, usage, use, losses of a main meter, or share")
    parser.add_argument("subject", metavar="SITE", help="the site; for losses and share the main meter")
    parser.add_argument("--month", default=None, metavar="M", help="such as 2026-11; default the running one")
    parser.add_argument("--rule", choices=[*Rule], default=Rule.EQUAL, help="by what share divides; default equal")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it to FILE.csv or FILE.xlsx as well")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0."""
    tables.check_out(arguments.out)
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    async with open_runtime(load(), beside=True) as runtime:
        business = runtime.business({})
        make = MAKERS[arguments.what]
        if make is make_share:
            make = partial(make_share, rule=Rule(arguments.rule))
        made, line = await make(business, CLOCK, language, arguments.subject, arguments.month)
    if arguments.out is not None:
        tables.write(arguments.out, made)
    print(tables.as_text(made))
    print(json.dumps(line))
    return 0


async def make_finance(business: Business, actor: Actor, language: str, site_id: str, month: str | None) -> Made:
    """Balances and what moved them."""
    report = await finance_report(business, actor, site_id, month)
    line: dict[str, str | int] = {
        "site": report.site_id,
        "month": report.month,
        "accounts": len(report.accounts),
        "opening_micro": report.opening_micro,
        "closing_micro": report.closing_micro,
        **{column: report.total(column) for column in report.columns},
    }
    return finance_sheets(language, report), line


async def make_usage(business: Business, actor: Actor, language: str, site_id: str, month: str | None) -> Made:
    """Energy, ranked and compared."""
    report = await usage_report(business, actor, site_id, month)
    line: dict[str, str | int] = {
        "site": report.site_id,
        "month": report.month,
        "accounts": len(report.ranks),
        "energy_wh": report.energy_wh,
        "amount_micro": report.amount_micro,
    }
    return usage_sheets(language, report), line


async def make_losses(business: Business, actor: Actor, language: str, meter_id: str, month: str | None) -> Made:
    """A main meter against those behind it."""
    wanted = month or f"{business.clock.now():%Y-%m}"
    report = await show_losses(business, actor, meter_id, wanted)
    line: dict[str, str | int] = {
        "meter": report.main_meter_id,
        "month": report.month,
        "main_wh": report.main_wh,
        "loss_wh": report.loss_wh,
        "loss_permille": report.loss_permille,
        "silent": len(report.silent),
    }
    return losses_sheets(language, report), line


async def make_use(business: Business, actor: Actor, language: str, site_id: str, month: str | None) -> Made:
    """Consumption by the registers, for a day, week, month or year."""
    wanted = month or f"{business.clock.now():%Y-%m}"
    report = await use_report(business, actor, site_id, wanted)
    line: dict[str, str | int] = {
        "site": report.site_id,
        "span": report.span.name,
        "energy_wh": report.energy_wh,
        "water_l": report.water_l,
        "odd_hours": sum(len(each.load.odd) for each in report.use.meters if each.load) if report.use else 0,
        "empty": len(report.use.empty) if report.use else 0,
        "silent": len(report.use.silent) if report.use else 0,
    }
    return use_sheets(language, report), line


async def make_share(
    business: Business, actor: Actor, language: str, meter_id: str, month: str | None, *, rule: Rule = Rule.EQUAL
) -> Made:
    """What is common behind a main meter, shared out."""
    wanted = month or f"{business.clock.now():%Y-%m}"
    given = await share_common(business, actor, meter_id, wanted, rule)
    line: dict[str, str | int] = {
        "meter": given.main_meter_id,
        "span": given.span,
        "rule": given.rule,
        "main_wh": given.main_wh,
        "common_wh": given.common_wh,
        "rooms": len(given.shares),
    }
    return share_sheets(language, given), line


MAKERS: Mapping[str, Callable[..., Awaitable[Made]]] = {
    "finance": make_finance,
    "usage": make_usage,
    "use": make_use,
    "losses": make_losses,
    "share": make_share,
}
