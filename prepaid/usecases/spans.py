"""The spans of reports: a local day, week, month or year of a site; and whether an actor reaches the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused, not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import record


class Length(StrEnum):
    """How long a report looks back."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


SPOKEN = {
    "": (Length.MONTH, 0),
    "today": (Length.DAY, 0),
    "yesterday": (Length.DAY, 1),
    "week": (Length.WEEK, 0),
    "last_week": (Length.WEEK, 1),
    "month": (Length.MONTH, 0),
    "last_month": (Length.MONTH, 1),
    "year": (Length.YEAR, 0),
    "last_year": (Length.YEAR, 1),
}
"""How people name spans."""
_A_MONTH = re.compile(r"m(1[0-2]|[1-9])(-1)?")
"""A month whose year was not said, "m3": the newest one that has begun; "m3-1": the one of last year."""
_SHAPES = {Length.DAY: "%Y-%m-%d", Length.WEEK: "%G-W%V", Length.MONTH: "%Y-%m", Length.YEAR: "%Y"}
_YEARS = range(2000, 2100)
_DAYS = {Length.DAY: 1, Length.WEEK: 7}
_PARTS = {3: Length.DAY, 2: Length.MONTH, 1: Length.YEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From local midnight to local midnight. `name` is "2026-11-26", "2026-W48", "2026-11" or "2026"."""

    name: str
    length: Length
    since: datetime
    until: datetime


def span_of(site: Site, name: str) -> Span:
    """The span of that name; `Refused` for what is none."""
    try:
        length, first = _begin(name)
        after = _after(first, length)
        written = f"{first:{_SHAPES[length]}}"
    except (ValueError, KeyError, OverflowError) as error:
        raise Refused("refused.report_span", text=name[:20]) from error
    if written != name or first.year not in _YEARS:
        raise Refused("refused.report_span", text=name[:20])
    midnight = site.calendar.midnight
    return Span(name=name, length=length, since=midnight(first), until=midnight(after))


def _begin(name: str) -> tuple[Length, date]:
    year, _, week = name.partition("-W")
    if week:
        return Length.WEEK, date.fromisocalendar(int(year), int(week), 1)
    parts = [int(part) for part in name.split("-")]
    return _PARTS[len(parts)], date(*([*parts, 1, 1])[:3])


def running(site: Site, now: datetime, length: Length, *, back: int = 0) -> Span:
    """The span that now is in, or the `back`th before it."""
    day = now.astimezone(ZoneInfo(site.calendar.time_zone)).date()
    if length in _DAYS:
        day -= timedelta(days=back * _DAYS[length])
    else:
        months = day.year * 12 + day.month - 1 - back * (12 if length is Length.YEAR else 1)
        day = date(months // 12, months % 12 + 1, 1)
    return span_of(site, f"{day:{_SHAPES[length]}}")


def before(site: Site, span: Span, *, years: int = 0) -> Span:
    """The span before it, or the same one some years ago: weeks 52 weeks a year, 29 February becomes the 28th."""
    first = span.since.astimezone(ZoneInfo(site.calendar.time_zone)).date()
    if years and span.length is Length.WEEK:
        return span_of(site, f"{first - timedelta(weeks=52 * years):{_SHAPES[span.length]}}")
    if years:
        day = first.replace(year=first.year - years, day=min(first.day, 28) if first.month == 2 else first.day)  # noqa: PLR2004
        return span_of(site, f"{day:{_SHAPES[span.length]}}")
    last = first - timedelta(days=1)
    return span_of(site, f"{last:{_SHAPES[span.length]}}")


def _after(first: date, length: Length) -> date:
    if length in _DAYS:
        return first + timedelta(days=_DAYS[length])
    return (first.replace(day=1) + timedelta(days=32 if length is Length.MONTH else 367)).replace(
        day=1, **({"month": 1} if length is Length.YEAR else {})
    )


async def named_span(business: Business, actor: Actor, site_id: str, when: str) -> Span:
    """The span that a person means at a site: a name, or "today", "yesterday", "last_month" and their like (A2)."""
    site = await reach_site(business, actor, site_id)
    return spoken_span(site, business.clock.now(), when)


def spoken_span(site: Site, now: datetime, when: str) -> Span:
    """The same, for a site at hand. Nothing at all means the running month."""
    month = _A_MONTH.fullmatch(when)
    if month is not None:
        back = now.astimezone(ZoneInfo(site.calendar.time_zone)).month - int(month[1])
        return running(site, now, Length.MONTH, back=back + 12 if month[2] or back < 0 else back)
    length, back = SPOKEN.get(when, (None, 0))
    return span_of(site, when) if length is None else running(site, now, length, back=back)


async def reach_site(business: Business, actor: Actor, site_id: str) -> Site:
    """The site, if the actor sees it or a part of it; else `Refused`, on record, as for one that is not there (A2)."""
    site = await business.store.sites.site(site_id)
    if site is not None and (
        may(actor, Action.SEE_SITE, Subject(site.path))
        or any(
            grant.scope.startswith(f"{site.path}/") and may(actor, Action.SEE_SITE, Subject(grant.scope))
            for grant in actor.grants
        )
    ):
        return site
    await record(business, actor, Action.SEE_SITE, site_id, refused="refused.not_found")
    raise not_found()
