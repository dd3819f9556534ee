"""Which of five bands holds at a local time of day, by weekday, season and holiday."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from prepaid.domain.calendar import ALL_WEEK, SiteCalendar
from prepaid.domain.errors import Refused

DAY_MIN = 24 * 60
_CLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)$", re.ASCII)
_MONTH_DAY = re.compile(r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", re.ASCII)


class Band(StrEnum):
    """Five bands, dearest first. The order is also that in which a meter's own band registers are priced."""

    SHARP = "sharp"
    PEAK = "peak"
    FLAT = "flat"
    VALLEY = "valley"
    DEEP_VALLEY = "deep_valley"


class Holidays(StrEnum):
    """Whether a rule for days holds on holidays."""

    ANY = "any"
    ONLY = "only"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Minutes of the local day in one band, `until_min` (up to 1440) excluded."""

    band: Band
    since_min: int
    until_min: int

    def __post_init__(self) -> None:
        """A span lies within one day; what passes midnight is two spans."""
        if not 0 <= self.since_min < self.until_min <= DAY_MIN:
            raise Refused("refused.tariff_hours", hours=f"{self.since_min}-{self.until_min}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Days of the year from `since` to `until` ("MM-DD", both included); a later `since` runs over New Year."""

    since: str
    until: str

    def __post_init__(self) -> None:
        """Both ends are days of a year."""
        for each in (self.since, self.until):
            if not _MONTH_DAY.match(each):
                raise Refused("refused.tariff_month_day", text=each[:20])

    def covers(self, day: date) -> bool:
        """Whether the day lies in the season."""
        here = f"{day.month:02}-{day.day:02}"
        if self.since <= self.until:
            return self.since <= here <= self.until
        return here >= self.since or here <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRule:
    """The bands of some days. Hours that no span names are in the schedule's `rest` band."""

    spans: tuple[Span, ...]
    seasons: tuple[Season, ...] = ()
    """Empty: the whole year."""
    weekdays: tuple[int, ...] = ALL_WEEK
    holidays: Holidays = Holidays.ANY

    def __post_init__(self) -> None:
        """No hour is in two bands."""
        ordered = sorted(self.spans, key=lambda span: span.since_min)
        for one, other in itertools.pairwise(ordered):
            if other.since_min < one.until_min:
                raise Refused("refused.tariff_hours_overlap", clock=clock_text(other.since_min))

    def covers(self, day: date, calendar: SiteCalendar) -> bool:
        """Whether the rule is for that local day; a worked weekend day counts as a weekday (as in the calendar)."""
        if self.seasons and not any(season.covers(day) for season in self.seasons):
            return False
        if calendar.weekday(day) not in self.weekdays:
            return False
        return self.holidays is Holidays.ANY or calendar.is_holiday(day) == (self.holidays is Holidays.ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Rules for days; the first that covers a day gives its bands. A day that none covers is all in `rest`."""

    rules: tuple[DayRule, ...]
    rest: Band = Band.FLAT

    def of_day(self, day: date, calendar: SiteCalendar) -> tuple[tuple[int, Band], ...]:
        """The band changes of a local day: (minute, band) from minute 0 on."""
        rule = next((rule for rule in self.rules if rule.covers(day, calendar)), None)
        changes: list[tuple[int, Band]] = []
        at = 0
        for span in sorted(rule.spans if rule else (), key=lambda span: span.since_min):
            if span.since_min > at:
                changes.append((at, self.rest))
            changes.append((span.since_min, span.band))
            at = span.until_min
        if at < DAY_MIN:
            changes.append((at, self.rest))
        return tuple(changes)

    @property
    def bands(self) -> frozenset[Band]:
        """Every band that can hold at some time."""
        return frozenset({self.rest, *(span.band for rule in self.rules for span in rule.spans)})


def hours(band: Band, *texts: str) -> tuple[Span, ...]:
    """Spans from clock times ("08:00-11:00"). Past midnight ("23:00-07:00") means both ends of the same day."""
    spans: list[Span] = []
    for text in texts:
        since, dash, until = text.partition("-")
        if not dash:
            raise Refused("refused.tariff_hours", hours=text[:20])
        first, last = minute(since.strip()), minute(until.strip())
        if first < last:
            spans.append(Span(band=band, since_min=first, until_min=last))
            continue
        spans.append(Span(band=band, since_min=first, until_min=DAY_MIN))
        if last > 0:
            spans.append(Span(band=band, since_min=0, until_min=last))
    return tuple(spans)


def minute(text: str) -> int:
    """The minute of the day of a clock time; "24:00" is its end."""
    match = _CLOCK.match(text)
    found = -1 if match is None else int(match[1]) * 60 + int(match[2])
    if not 0 <= found <= DAY_MIN:
        raise Refused("refused.tariff_hours", hours=text[:20])
    return found


def clock_text(minutes: int) -> str:
    """A minute of the day as a clock time."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
