"""Energy and money by hour, for a chart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Usage
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.views import UsageView

MOST_HOURS = 24 * 31


async def show_usage(business: Business, actor: Actor, account_id: str, *, hours: int = 24) -> UsageView:
    """The last `hours` whole hours and the running one, all meters of the account together, at today's tariff."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    if not 1 <= hours <= MOST_HOURS:
        raise Refused("refused.usage_span", most=MOST_HOURS)
    site = await site_of(business, account)
    until = business.clock.now()
    since = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    if account.lease_from is not None:
        since = max(since, account.lease_from)  # What was used before is somebody else's business (A1).
    total: dict[datetime, int] = {}
    for meter in await business.store.meters.of_account(account.id):
        for usage in await business.store.readings.usage_by_hour(meter.id, since, until):
            total[usage.start] = total.get(usage.start, 0) + usage.energy_wh
    lines = tuple(Usage(start=at, energy_wh=wh) for at, wh in sorted(total.items()))
    priced = tuple(replace(line, amount_micro=round(site.tariff.cost(line.energy_wh))) for line in lines)
    return UsageView(
        account_id=account.id,
        label=account.label,
        site_time_zone=site.calendar.time_zone,
        hours=priced,
        total_wh=sum(line.energy_wh for line in priced),
        total_micro=sum(line.amount_micro for line in priced),
        since=since,
        until=until,
    )
