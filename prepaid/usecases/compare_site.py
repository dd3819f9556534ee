"""What a site used beside the span before and the one a year ago; a year by months; sites side by side (A2)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Site
from prepaid.domain.errors import not_found
from prepaid.domain.metering import Meter
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.finance_report import midnights as local_midnights
from prepaid.usecases.find_sites import find_sites
from prepaid.usecases.place_losses import main_meters
from prepaid.usecases.site_use import SiteUse, site_use
from prepaid.usecases.spans import Length, Span, before, reach_site, span_of

MOST_SITES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour, day or month; `before_wh` is that of the same place in the span before."""

    start: datetime
    energy_wh: int
    before_wh: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UseReport:
    """A site's span in bars. `use` is None for a year, whose hours are not looked at."""

    site_id: str
    name: str
    time_zone: str
    span: Span
    bars: tuple[Bar, ...]
    energy_wh: int
    water_l: int
    before_wh: int | None
    year_ago_wh: int | None
    use: SiteUse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTotal:
    """One site among others."""

    site_id: str
    name: str
    energy_wh: int
    water_l: int
    before_wh: int


async def use_report(business: Business, actor: Actor, site_id: str, name: str) -> UseReport:
    """The span called `name` of the meters that the actor sees at the site (A2)."""
    site = await reach_site(business, actor, site_id)
    span = span_of(site, name)
    if span.length is Length.YEAR:
        return await _year(business, actor, site, span)
    earlier = before(site, span)
    use = await site_use(business, actor, site_id, span)
    old = await site_use(business, actor, site_id, earlier)
    meters = await _meters(business, actor, site, Utility.ELECTRICITY)
    ago = before(site, span, years=1)
    year_ago = await _moved(business, site, meters, [ago.since, ago.until])
    return UseReport(
        site_id=site.id,
        name=site.name,
        time_zone=site.calendar.time_zone,
        span=span,
        bars=_bars(use, old),
        energy_wh=use.total(Utility.ELECTRICITY),
        water_l=use.total(Utility.WATER),
        before_wh=old.total(Utility.ELECTRICITY) if old.ranked else None,
        year_ago_wh=year_ago[0],
        use=use,
    )


async def compare_sites(business: Business, actor: Actor, name: str) -> tuple[SiteTotal, ...]:
    """Every site that the actor has to do with, the one that used most first."""
    found = []
    for line in (await find_sites(business, actor, ""))[:MOST_SITES]:
        site = await business.store.sites.site(line.site_id)
        if site is None:
            raise not_found()
        span = span_of(site, name)
        earlier = before(site, span)
        totals = []
        for utility in Utility:
            meters = await _meters(business, actor, site, utility)
            ends = await _moved(business, site, meters, [earlier.since, span.since, span.until])
            totals.append([wh or 0 for wh in ends])
        (old_wh, new_wh), (_, water_l) = totals
        found.append(SiteTotal(site_id=site.id, name=site.name, energy_wh=new_wh, water_l=water_l, before_wh=old_wh))
    return tuple(sorted(found, key=lambda each: (-each.energy_wh, each.name)))


async def _year(business: Business, actor: Actor, site: Site, span: Span) -> UseReport:
    """Twelve months and those of the year before, by the registers at their ends."""
    meters = await _meters(business, actor, site, Utility.ELECTRICITY)
    water = await _meters(business, actor, site, Utility.WATER)
    year = int(span.name)
    starts = [span_of(site, f"{year - 1 + month // 12}-{month % 12 + 1:02}").since for month in range(24)]
    moved = await _moved(business, site, meters, [*starts, span.until])
    litres = await _moved(business, site, water, [span.since, span.until])
    bars = tuple(
        Bar(start=start, energy_wh=wh or 0, before_wh=old or 0)
        for start, wh, old in zip(starts[12:], moved[12:], moved[:12], strict=True)
    )
    old = None if all(wh is None for wh in moved[:12]) else sum(bar.before_wh for bar in bars)
    return UseReport(
        site_id=site.id,
        name=site.name,
        time_zone=site.calendar.time_zone,
        span=span,
        bars=bars,
        energy_wh=sum(bar.energy_wh for bar in bars),
        water_l=litres[0] or 0,
        before_wh=old,
        year_ago_wh=old,
    )


async def _meters(business: Business, actor: Actor, site: Site, utility: Utility) -> Sequence[Meter]:
    """Without main meters, as in `site_use`."""
    found = [each for each in await business.store.meters.below(site.path) if each.site_id == site.id]
    mains = {each.id for each in main_meters(found)}
    return [
        meter
        for meter in found
        if meter.utility is utility and meter.id not in mains and may(actor, Action.SEE_SITE, Subject(meter.path))
    ]


async def _moved(
    business: Business, site: Site, meters: Sequence[Meter], midnights: Sequence[datetime]
) -> list[int | None]:
    """What the registers moved by between midnights, all together; None where no meter tells.

    A midnight ahead is now: the running span ends at the newest register. A meter that was first heard within a span
    counts from that reading on, as it does in the report of that span alone.
    """
    now = business.clock.now()
    past = [at for at in midnights if at <= now]
    sums: list[int | None] = [None] * (len(midnights) - 1)

    async def ask(meter: Meter) -> Sequence[int | None]:
        known = list(await business.store.readings.registers_at(meter.id, past))
        newest = meter.last.energy_wh if meter.last is not None and len(past) < len(midnights) else None
        known += [newest] if len(past) < len(midnights) else []
        begun = next((place for place, register in enumerate(known) if register is not None), 0)
        if begun > 0:
            span = [at for at in local_midnights(site, past[begun - 1], midnights[begun]) if at <= now]
            heard = await business.store.readings.registers_at(meter.id, span)
            known[begun - 1] = next((register for register in heard if register is not None), None)
        return known

    async for registers in at_once(meters, ask):
        for place, (begin, end) in enumerate(itertools.pairwise(registers)):
            if begin is not None and end is not None:
                sums[place] = (sums[place] or 0) + end - begin
    return sums


def _bars(use: SiteUse, old: SiteUse) -> tuple[Bar, ...]:
    """By hour for a day, else by day; the last day of a longer month stands alone."""
    pairs = (use.by_hour_wh, old.by_hour_wh) if use.span.length is Length.DAY else (use.by_day_wh, old.by_day_wh)
    earlier = [wh for _, wh in pairs[1]]
    return tuple(
        Bar(start=start, energy_wh=wh, before_wh=earlier[place] if place < len(earlier) else 0)
        for place, (start, wh) in enumerate(pairs[0])
    )
