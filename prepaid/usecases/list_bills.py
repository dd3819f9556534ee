"""The monthly bills of an account: what it began and ended with, month by month (T1, T4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.show_statement import show_statement

MONTHS_MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One month. The running one has not ended, so its closing balance is that of now."""

    month: str
    since: datetime
    until: datetime
    opening_micro: int
    closing_micro: int
    entries: int
    ended: bool


async def list_bills(business: Business, actor: Actor, account_id: str, *, months: int = 6) -> Sequence[BillLine]:
    """The newest months first, the running one included; months before the first entry are left out."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    now = business.clock.now()
    month = (await site_of(business, account)).calendar.month(now)
    found: list[BillLine] = []
    for _ in range(min(months, MONTHS_MOST)):
        view = await show_statement(business, actor, account.id, month=month)
        found.append(
            BillLine(
                month=month,
                since=view.since,
                until=view.until,
                opening_micro=view.opening_micro,
                closing_micro=view.closing_micro,
                entries=view.entries,
                ended=view.until <= now,
            )
        )
        month = f"{date.fromisoformat(f'{month}-01') - timedelta(days=1):%Y-%m}"
    while len(found) > 1 and not (found[-1].entries or found[-1].opening_micro):
        found.pop()
    return found
