"""The price lists of a site with their versions, and a version made of words, shown on last month's use (A6).

Nothing is changed here: what comes out is asked for by `change_tariff`, exactly as it was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused
from prepaid.domain.fees import pricing_of
from prepaid.domain.tariffs import ALWAYS, Band, Tariff, Utility, plan_of
from prepaid.domain.tariffs.wish import PriceWish, version_of
from prepaid.ports import Business
from prepaid.usecases.change_tariff import TariffPreview, preview_tariff
from prepaid.usecases.set_weather_hold import reach_site
from prepaid.usecases.show_statement import month_ends

DRAFT = "draft"
"""The name of a version that nobody has asked for yet."""
MOST_PAST = 3


class Stage(StrEnum):
    """Where a version stands in time."""

    PAST = "past"
    NOW = "now"
    COMING = "coming"


class Begins(StrEnum):
    """When a version is to begin, where no day is named."""

    AT_ONCE = "at_once"
    NEXT_MONTH = "next_month"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSheet:
    """One version; `hours` are the changes of band, (minute, band), on the first day on which it holds from now on."""

    utility: Utility
    version: Tariff
    stage: Stage
    hours: tuple[tuple[int, Band], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTariffs:
    """All price lists of a site: a few past versions, the one in force, those that wait."""

    site_id: str
    name: str
    time_zone: str
    sheets: tuple[VersionSheet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffDraft:
    """A version that could be asked for, beside the one in force, and what last month would have cost."""

    after: VersionSheet
    before: VersionSheet | None
    preview: TariffPreview
    time_zone: str


async def site_tariffs(business: Business, actor: Actor, site_id: str) -> SiteTariffs:
    """The versions, oldest first. Raises `Refused` outside the actor's reach."""
    return sheets_of(await reach_site(business, actor, site_id, Action.CHANGE_TARIFF), business.clock.now())


def sheets_of(site: Site, now: datetime, *, past: bool = True) -> SiteTariffs:
    """The versions of each of a site's lists, oldest first; without `past` what holds and what is to come."""
    sheets: list[VersionSheet] = []
    for utility in Utility:
        pricing = pricing_of(site, None, utility)
        if pricing is None:
            continue
        plan = plan_of(pricing)
        held = plan.at(now)
        before = [each for each in plan.versions if past and each.start < held.start]
        for version in (*before[-MOST_PAST:], *(each for each in plan.versions if each.start >= held.start)):
            stage = Stage.NOW if version is held else Stage.PAST if version.start < held.start else Stage.COMING
            sheets.append(sheet_of(site, utility, version, stage, now))
    return SiteTariffs(site_id=site.id, name=site.name, time_zone=site.calendar.time_zone, sheets=tuple(sheets))


async def draft_tariff(business: Business, actor: Actor, site_id: str, wish: PriceWish, begins: str) -> TariffDraft:
    """The version that is wished for. `begins` is one of `Begins` or a local day ("2026-12-01").

    Raises `Refused` for what cannot be a price list, and for a day that has begun.
    """
    site = await reach_site(business, actor, site_id, Action.CHANGE_TARIFF)
    now = business.clock.now()
    pricing = pricing_of(site, None, wish.utility)
    held = plan_of(pricing).at(now) if pricing is not None else None
    version = version_of(wish, held, DRAFT, start=_start(site, begins, now))
    return TariffDraft(
        after=sheet_of(site, wish.utility, version, Stage.COMING, now),
        before=sheet_of(site, wish.utility, held, Stage.NOW, now) if held is not None else None,
        preview=await preview_tariff(business, actor, site_id, version, utility=wish.utility),
        time_zone=site.calendar.time_zone,
    )


def sheet_of(site: Site, utility: Utility, version: Tariff, stage: Stage, now: datetime) -> VersionSheet:
    """A version with its hours on the first day on which it holds from now on."""
    day = site.calendar.local(max(now, version.start)).date()
    hours = version.schedule.of_day(day, site.calendar) if version.schedule else ()
    return VersionSheet(utility=utility, version=version, stage=stage, hours=hours)


def named(version: Tariff, name: str) -> Tariff:
    """The draft under the name by which it is asked for."""
    return replace(version, id=name)


def _start(site: Site, begins: str, now: datetime) -> datetime:
    if begins == Begins.AT_ONCE:
        return ALWAYS
    if begins == Begins.NEXT_MONTH:
        return month_ends(site, site.calendar.month(now))[1]
    try:
        start = site.calendar.midnight(date.fromisoformat(begins))
    except (ValueError, OverflowError):
        raise Refused("refused.day_unreadable", text=begins[:20]) from None
    if start < now + timedelta(seconds=site.limits.undo_s):
        raise Refused("refused.tariff_past")
    return start
