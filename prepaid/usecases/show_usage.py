"""Energy and money by hour, for a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter, Usage
from prepaid.domain.tariffs import Carry, point
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.prices import pricer_of
from prepaid.usecases.views import UsageView

MOST_HOURS = 24 * 31
HOUR = timedelta(hours=1)


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
    total: dict[datetime, Usage] = {}
    for meter in await business.store.meters.of_account(account.id):
        hours_used = await business.store.readings.usage_by_hour(meter.id, since, until)
        for usage in _priced(hours_used, meter, account, site, until):
            known = total.get(usage.start, Usage(start=usage.start, energy_wh=0))
            energy_wh, amount = known.energy_wh + usage.energy_wh, known.amount_micro + usage.amount_micro
            total[usage.start] = Usage(start=usage.start, energy_wh=energy_wh, amount_micro=amount)
    priced = tuple(total[start] for start in sorted(total))
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


def _priced(hours: Sequence[Usage], meter: Meter, account: Account, site: Site, until: datetime) -> list[Usage]:
    """A meter's hours with what each costs. Steps are counted as if the watermark's month had led up to the last."""
    pricer = pricer_of(site, account, meter.utility)
    if pricer is None:
        return list(hours)
    carry = _carry_before(hours, meter, site)
    priced: list[Usage] = []
    for hour in hours:
        end = min(hour.start + HOUR, max(until, hour.start))
        result = pricer.price(point(hour.start, 0), point(end, hour.energy_wh), carry)
        carry = result.carry
        priced.append(replace(hour, amount_micro=result.charge_micro))
    return priced


def _carry_before(hours: Sequence[Usage], meter: Meter, site: Site) -> Carry:
    """How far month and step year were used when the hours began."""
    mark = meter.watermark
    if mark is None:
        return Carry()
    in_month = sum(hour.energy_wh for hour in hours if site.calendar.month(hour.start) == mark.period)
    month_wh = max(0, mark.period_wh - in_month)
    year_wh = max(0, mark.year_wh - sum(hour.energy_wh for hour in hours))
    return Carry(month=mark.period, month_wh=month_wh, year=mark.year, year_wh=year_wh)
