"""Energy and money by day or by month: days as the hours say, months as they were billed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Kind
from prepaid.domain.metering import Usage
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.show_statement import show_statement
from prepaid.usecases.show_usage import show_usage, utilities_of
from prepaid.usecases.views import UsageView

MOST_DAYS = 62
MOST_MONTHS = 25


async def show_usage_by_day(
    business: Business, actor: Actor, account_id: str, *, days: int, utility: Utility | None = None
) -> UsageView:
    """The last `days` local days, the running one included."""
    if not 1 <= days <= MOST_DAYS:
        raise Refused("refused.usage_span", most=MOST_DAYS)
    view = await show_usage(business, actor, account_id, hours=24 * days, utility=utility)
    zone = ZoneInfo(view.site_time_zone)
    first = view.until.astimezone(zone).date() - timedelta(days=days - 1)
    found: dict[datetime, Usage] = {}
    for hour in view.hours:
        day = hour.start.astimezone(zone).date()
        if day >= first:
            start = datetime.combine(day, time(), zone).astimezone(UTC)
            known = found.get(start, Usage(start=start, energy_wh=0))
            found[start] = Usage(
                start=start,
                energy_wh=known.energy_wh + hour.energy_wh,
                amount_micro=known.amount_micro + hour.amount_micro,
            )
    return _view(view, tuple(found[start] for start in sorted(found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyUsage:
    """What was billed of one utility in each local month, oldest first; water in litres wherever a name says `wh`."""

    account_id: str
    label: str
    site_time_zone: str
    months: tuple[Usage, ...]
    since: datetime
    until: datetime
    utility: Utility
    utilities: tuple[Utility, ...]
    """Everything that the account pays for."""


async def show_usage_by_month(
    business: Business, actor: Actor, account_id: str, *, months: int, utility: Utility | None = None
) -> MonthlyUsage:
    """The last `months` local months, the running one included, from the entries that billed them."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    if not 1 <= months <= MOST_MONTHS:
        raise Refused("refused.usage_span", most=MOST_MONTHS)
    site, now = await site_of(business, account), business.clock.now()
    meters, head = await business.store.meters.of_account(account.id), await business.store.ledger.head(account.id)
    known = utilities_of(account, meters, head)
    shown, found = utility or known[0], []
    for month in _months_back(now.astimezone(ZoneInfo(site.calendar.time_zone)).date(), months):
        statement = await show_statement(business, actor, account.id, month=f"{month:%Y-%m}")
        energy_wh = billed = 0
        async for page in statement.pages:
            used = [line for line in page if line.kind == Kind.CONSUMPTION and line.utility == shown]
            energy_wh += sum(line.energy_wh for line in used)
            billed -= sum(line.amount_micro for line in used)
        found.append(Usage(start=statement.since, energy_wh=energy_wh, amount_micro=billed))
    return MonthlyUsage(
        account_id=account.id,
        label=account.label,
        site_time_zone=site.calendar.time_zone,
        months=tuple(found),
        since=found[0].start,
        until=now,
        utility=shown,
        utilities=known,
    )


def _months_back(today: date, months: int) -> Sequence[date]:
    """The first days of the last months, oldest first."""
    first, found = today.replace(day=1), []
    for _ in range(months):
        found.append(first)
        first = (first - timedelta(days=1)).replace(day=1)
    return found[::-1]


def _view(view: UsageView, days: tuple[Usage, ...]) -> UsageView:
    return replace(
        view,
        hours=days,
        total_wh=sum(day.energy_wh for day in days),
        total_micro=sum(day.amount_micro for day in days),
        since=days[0].start if days else view.since,
    )
