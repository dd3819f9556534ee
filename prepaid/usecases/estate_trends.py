"""What an estate used day by day, and what money came in: for whoever sees the places, and audits them (A2).

Days that are over are added up once for each building of a site and kept, so that two months cost sixty small rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.accounts import Site
from prepaid.domain.panorama import building_of
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes
from prepaid.usecases.estate import Estate

DAYS: Final = 62
"""The running month and the one before it, whole."""
CHART_DAYS: Final = 30
CLOSED_AFTER: Final = timedelta(hours=28)
"""By then a day's readings are rolled up."""
STRAGGLERS: Final = timedelta(days=7)
"""A reading that comes later than this is billed, and is not in the trend."""
RECEIPTS_MOST: Final = 10_000

Used = tuple[int, int]
"""Wh and litres."""


@dataclass(slots=True, kw_only=True)
class Days:
    """What was used on each local day before today, by building and day. `missing` days are still to be added up."""

    used: dict[str, dict[date, Used]] = field(default_factory=dict)
    missing: int = 0

    def of(self, buildings: Sequence[str], day: date) -> Used:
        """Of some buildings together."""
        found = [self.used[each].get(day, (0, 0)) for each in buildings if each in self.used]
        return sum(wh for wh, _ in found), sum(litres for _, litres in found)


@dataclass(slots=True, kw_only=True)
class MoneyIn:
    """What came in by provider, in fen, and altogether on each local day."""

    today_fen: Counter[str] = field(default_factory=Counter)
    month_fen: Counter[str] = field(default_factory=Counter)
    by_day_fen: Counter[date] = field(default_factory=Counter)


def today_of(site: Site, at: datetime) -> date:
    """The site's local day."""
    return site.calendar.local(at).date()


async def days_used(business: Business, estate: Estate, *, add_up: int) -> Days:
    """The days that were added up, and up to `add_up` more of each site that are added up for it now."""
    days = Days()
    for site in estate.sites.values():
        await _site_days(business, estate, site, days, add_up)
    return days


async def _site_days(business: Business, estate: Estate, site: Site, days: Days, add_up: int) -> None:
    today = today_of(site, estate.at)
    starts = {
        site.calendar.midnight(today - timedelta(days=back)): today - timedelta(days=back) for back in range(1, DAYS)
    }
    kept = await business.store.panorama.day_sums(site.id, min(starts), estate.at)
    whole = [path for path, each in estate.buildings.items() if each.site_id == site.id and _covered(estate, path)]
    places: dict[str, str] | None = None
    for start, day in starts.items():
        sums = kept.get(start)
        over = estate.at - start > CLOSED_AFTER
        if sums is None and (over or day == today - timedelta(days=1)):
            if add_up <= 0:
                days.missing += 1
                continue
            places = places or await _places(business, site)
            sums = await _sums(business, start, places, closed=over)
            add_up -= over
            if estate.at - start > STRAGGLERS:
                await business.store.panorama.keep_day_sums(site.id, start, sums)
        for path in whole:
            days.used.setdefault(path, {})[day] = (sums or {}).get(path, (0, 0))


async def _places(business: Business, site: Site) -> dict[str, str]:
    """The building of each meter of the whole site, whoever asks: what is kept is kept for everybody."""
    columns = await business.store.panorama.meters(site.id)
    water = (utility == Utility.WATER for utility in columns.utilities)
    rows = zip(columns.ids, columns.paths, water, strict=True)
    return {meter_id: f"{int(is_water)}{building_of(site.path, path)}" for meter_id, path, is_water in rows}


async def _sums(business: Business, start: datetime, places: dict[str, str], *, closed: bool) -> dict[str, Used]:
    """A day by building. One that is not rolled up yet ends with its last reading."""
    panorama = business.store.panorama
    columns = await (panorama.closed_day(start) if closed else panorama.running_day(start))
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for meter_id, used in zip(columns.meter_ids, columns.used, strict=True):
        place = places.get(meter_id)
        if place is not None:
            found[place[1:]][int(place[0])] += max(0, used)
    return {path: (wh, litres) for path, (wh, litres) in found.items()}


async def money_in(business: Business, actor: Actor, estate: Estate) -> MoneyIn | None:
    """Payments and receipts of accounts that the actor audits; None for whoever audits nothing."""
    if not scopes(actor, Action.AUDIT):
        return None
    found = MoneyIn()
    for site in estate.sites.values():
        today = today_of(site, estate.at)
        since = site.calendar.midnight(min(today.replace(day=1), today - timedelta(days=CHART_DAYS)))
        for method, account_id, amount_fen, at in await _received(business, site, since, estate.at):
            if _audited(actor, estate, site, account_id):
                day = today_of(site, at)
                found.by_day_fen[day] += amount_fen
                found.month_fen[method] += amount_fen * (day >= today.replace(day=1))
                found.today_fen[method] += amount_fen * (day == today)
    return found


async def _received(
    business: Business, site: Site, since: datetime, until: datetime
) -> list[tuple[str, str, int, datetime]]:
    """How, for whom, how much in fen, and when."""
    found: list[tuple[str, str, int, datetime]] = []
    soon = until + timedelta(minutes=5)  # A provider's clock may be ahead of ours.
    for provider in sorted(business.providers):
        columns = await business.store.panorama.paid(provider, since, soon)
        found += [(provider, *row) for row in zip(*columns, strict=True)]
    receipts = await business.store.receipts.taken_between(site.id, since, soon, RECEIPTS_MOST)
    found += [(each.method.value, each.account_id, each.amount_fen, each.taken_at) for each in receipts]
    return found


def _audited(actor: Actor, estate: Estate, site: Site, account_id: str) -> bool:
    building = estate.of_account(account_id)
    if building is None or building.site_id != site.id:
        return False
    return may(actor, Action.AUDIT, Subject(estate.account_paths[account_id]))


def _covered(estate: Estate, path: str) -> bool:
    """Whether the whole building is in reach: what a building used is not for whoever sees one room of it."""
    return any(covers(scope, path) for scope in estate.reach)
