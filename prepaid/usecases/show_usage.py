"""Energy and money by hour, for a chart. Water is counted in litres and never added to Wh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Head
from prepaid.domain.metering import Meter, Usage
from prepaid.domain.tariffs import Carry, Pricer, Utility, counted_from_text, point
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.prices import counted_before, pricer_of
from prepaid.usecases.views import UsageView

MOST_HOURS = 24 * 62
HOUR = timedelta(hours=1)


async def show_usage(
    business: Business, actor: Actor, account_id: str, *, hours: int = 24, utility: Utility | None = None
) -> UsageView:
    """The last `hours` whole hours and the running one, all meters of one utility together, at today's tariff.

    Without a `utility` it is the first that the account pays for, electricity before water.
    """
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    if not 1 <= hours <= MOST_HOURS:
        raise Refused("refused.usage_span", most=MOST_HOURS)
    site = await site_of(business, account)
    until = business.clock.now()
    since = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    if account.lease_from is not None:
        since = max(since, account.lease_from)  # What was used before is somebody else's business (A1).
    meters = await business.store.meters.of_account(account.id)
    head = await business.store.ledger.head(account.id)
    known = utilities_of(account, meters, head)
    shown = utility or known[0]
    of_one = [meter for meter in meters if meter.utility is shown]
    found = [await business.store.readings.usage_by_hour(meter.id, since, until) for meter in of_one]
    carry = counted_before(counted_from_text(head.counted).get(shown), of_one[0].watermark if of_one else None)
    hours_shown = tuple(_priced(added_up(found), pricer_of(site, account, shown), carry, site, until))
    return UsageView(
        account_id=account.id,
        label=account.label,
        site_time_zone=site.calendar.time_zone,
        hours=hours_shown,
        total_wh=sum(line.energy_wh for line in hours_shown),
        total_micro=sum(line.amount_micro for line in hours_shown),
        since=since,
        until=until,
        utility=shown,
        utilities=known,
    )


def utilities_of(account: Account, meters: Iterable[Meter], head: Head) -> tuple[Utility, ...]:
    """What an account pays for: what its meters count and what it was billed for; electricity where it is nothing yet.

    A wallet for one utility pays for that one alone.
    """
    if account.utility:
        return (Utility(account.utility),)
    found = {meter.utility for meter in meters} | set(counted_from_text(head.counted))
    return tuple(utility for utility in Utility if utility in found) or (Utility.ELECTRICITY,)


def added_up(series: Iterable[Sequence[Usage]]) -> tuple[Usage, ...]:
    """Several meters' hours as one, oldest first."""
    total: dict[datetime, Usage] = {}
    for usage in (usage for each in series for usage in each):
        known = total.get(usage.start, Usage(start=usage.start, energy_wh=0))
        energy_wh, amount = known.energy_wh + usage.energy_wh, known.amount_micro + usage.amount_micro
        total[usage.start] = Usage(start=usage.start, energy_wh=energy_wh, amount_micro=amount)
    return tuple(total[start] for start in sorted(total))


def _priced(hours: Sequence[Usage], pricer: Pricer | None, counted: Carry, site: Site, until: datetime) -> list[Usage]:
    """Hours with what each costs. Steps are counted as if what the account has counted had led up to the last."""
    if pricer is None:
        return list(hours)
    carry = _carry_before(hours, counted, site)
    priced: list[Usage] = []
    for hour in hours:
        end = min(hour.start + HOUR, max(until, hour.start))
        result = pricer.price(point(hour.start, 0), point(end, hour.energy_wh), carry)
        carry = result.carry
        priced.append(replace(hour, amount_micro=result.charge_micro))
    return priced


def _carry_before(hours: Sequence[Usage], counted: Carry, site: Site) -> Carry:
    """How far month and step year were used when the hours began."""
    in_month = sum(hour.energy_wh for hour in hours if site.calendar.month(hour.start) == counted.month)
    month_wh = max(0, counted.month_wh - in_month)
    year_wh = max(0, counted.year_wh - sum(hour.energy_wh for hour in hours))
    return Carry(month=counted.month, month_wh=month_wh, year=counted.year, year_wh=year_wh)
