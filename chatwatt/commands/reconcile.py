"""`chatwatt reconcile`: holds a provider's bill of a day against the books, now; the last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

from bot.texts import language_for
from chatwatt import reports
from chatwatt.settings import load, load_alipay, load_wechat_pay
from chatwatt.wiring import open_runtime, real_providers
from prepaid.domain.access import CLOCK
from prepaid.domain.errors import Refused
from prepaid.domain.reconcile import days_due
from prepaid.ports import Business
from prepaid.usecases.reconcile import Outcome, billing_providers, reconcile

FORMATS = ("csv", "xlsx")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("reconcile", help="compare a provider's bill of a day with orders and ledger")
    parser.add_argument("--date", type=date.fromisoformat, metavar="D", help="the day, as 2026-11-24")
    parser.add_argument("--provider", default="", metavar="P", help="one provider only")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write every item to FILE.csv or FILE.xlsx")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when everything agrees, 1 when something differs; tickets are open for it."""
    check_out(arguments.out)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(load(), beside=True))
        providers = real_providers(runtime.settings, load_wechat_pay(), runtime.clock, alipay=load_alipay())
        for provider in providers.values():
            stack.push_async_callback(provider.aclose)
        return await compare(runtime.business(providers), arguments.provider, arguments.date, arguments.out, print)


async def compare(
    business: Business, provider: str, day: date | None, out: Path | None, say: Callable[[str], object]
) -> int:
    """Each provider's day; without a day, the newest whose bill should be there."""
    names = (provider,) if provider else billing_providers(business)
    if not names:
        raise Refused("refused.provider_has_no_bill")
    chosen = day or days_due(business.clock.now(), 1)[0]
    outcomes = [await reconcile(business, CLOCK, name, chosen) for name in names]
    for outcome in outcomes:
        _show(outcome, out, several=len(outcomes) > 1, say=say)
    return 0 if all(outcome.run.totals.gaps == 0 for outcome in outcomes) else 1


def check_out(out: Path | None) -> None:
    """Whether the file's kind is one that can be written; asked before anything is fetched."""
    if out is not None and out.suffix.lstrip(".").lower() not in FORMATS:
        raise Refused("refused.report_format", path=out.name)


def _show(outcome: Outcome, out: Path | None, *, several: bool, say: Callable[[str], object]) -> None:
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    say(reports.as_text(language, outcome.run, outcome.items).rstrip("\n"))
    if out is not None:
        path = out.with_name(f"{out.stem}-{outcome.run.provider}{out.suffix}") if several else out
        _write(path, language, outcome)
    sums = outcome.run.totals
    line = {
        "provider": outcome.run.provider,
        "day": outcome.run.day,
        "items": sums.items,
        "payments_fen": sums.payments_fen,
        "refunds_fen": sums.refunds_fen,
        "fees_fen": sums.fees_fen,
        "difference_fen": sums.difference_fen,
        "gaps": sums.gaps,
        "credited": outcome.run.credited,
        "tickets": outcome.run.tickets,
    }
    say(json.dumps(line))


def _write(path: Path, language: str, outcome: Outcome) -> None:
    try:
        if path.suffix.lower() == ".csv":
            reports.write_csv(path, language, outcome.items)
        else:
            reports.write_xlsx(path, language, outcome.run, outcome.items)
    except OSError:
        raise Refused("refused.file_unwritable", path=path.name) from None
