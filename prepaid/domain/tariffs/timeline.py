"""Local time cut into stretches in which nothing about a price changes but the steps.

A stretch ends where the band changes, a version starts, or a month or step year ends: in the site's local time, so that
days of 23 and 25 hours are as long as they are, and an hour that the clock shows twice has its band twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs.bands import Band
from prepaid.domain.tariffs.plan import Tariff, TariffPlan

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
MOST_MONTHS = 60
"""Months kept at a time; a leap beyond starts anew."""
_DAY = timedelta(days=1)


class Stretch(NamedTuple):
    """What holds in a stretch of time."""

    version: int
    band: Band
    month: str
    year: str


class Timeline:
    """The stretches of one plan at one site, made month by month as they are asked for."""

    def __init__(self, plan: TariffPlan, calendar: SiteCalendar) -> None:
        self._plan = plan
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.time_zone)
        self._first = self._last = 0
        self.starts: list[int] = []
        self.stretches: list[Stretch] = []
        self.since = self.until = 0

    def index(self, since_ms: int, until_ms: int) -> int:
        """Where in `starts` the stretch of `since_ms` is; everything up to `until_ms` is loaded."""
        if not self.since <= since_ms <= until_ms < self.until:
            self._cover(self._month_of(since_ms), self._month_of(until_ms))
        return bisect_right(self.starts, since_ms) - 1

    def _month_of(self, ms: int) -> int:
        local = moment(ms).astimezone(self._zone)
        return local.year * 12 + local.month - 1

    def _cover(self, first: int, last: int) -> None:
        if not self.starts or max(last, self._last) - min(first, self._first) > MOST_MONTHS:
            self.starts, self.stretches = [], []
            self._first, self._last = first, first - 1
        for month in range(self._first - 1, first - 1, -1):
            starts, stretches = self._month(month)
            self.starts[:0], self.stretches[:0] = starts, stretches
        for month in range(self._last + 1, last + 1):
            starts, stretches = self._month(month)
            self.starts += starts
            self.stretches += stretches
        self._first, self._last = min(first, self._first), max(last, self._last)
        self.since, self.until = self._begins(_first_day(self._first)), self._begins(_first_day(self._last + 1))

    def _begins(self, day: date) -> int:
        """The instant at which a local day begins."""
        return millis(datetime.combine(day, time(), self._zone))

    def _month(self, month: int) -> tuple[list[int], list[Stretch]]:
        starts: list[int] = []
        stretches: list[Stretch] = []
        for start, stretch in self._pieces(_first_day(month), _first_day(month + 1)):
            if not stretches or stretches[-1] != stretch:
                starts.append(start)
                stretches.append(stretch)
        return starts, stretches

    def _pieces(self, first: date, end: date) -> Iterator[tuple[int, Stretch]]:
        since, until = self._begins(first), self._begins(end)
        for number, version in enumerate(self._plan.versions):
            reign = self._reign(number, since, until)
            if reign is None:
                continue
            for day, begins, ends in self._days(version, first, end):
                yield from self._bands(number, day, (begins, ends), reign)

    def _reign(self, number: int, since: int, until: int) -> tuple[int, int] | None:
        """The part of [since, until) in which a version is in force."""
        versions = self._plan.versions
        low = since if number == 0 else max(since, millis(versions[number].start))
        high = until if number + 1 == len(versions) else min(until, millis(versions[number + 1].start))
        return (low, high) if low < high else None

    def _days(self, version: Tariff, first: date, end: date) -> Iterator[tuple[date, int, int]]:
        """Each day with its ends; without a schedule, days in one step year are as one."""
        day = first
        while day < end:
            after = day + _DAY
            while version.schedule is None and after < end and version.year_of(after) == version.year_of(day):
                after += _DAY
            yield day, self._begins(day), self._begins(after)
            day = after

    def _bands(
        self, number: int, day: date, ends: tuple[int, int], reign: tuple[int, int]
    ) -> Iterator[tuple[int, Stretch]]:
        version = self._plan.versions[number]
        month, year = f"{day.year:04}-{day.month:02}", version.year_of(day)
        for since, until, band in self._changes(version, day, *ends):
            low, high = max(since, reign[0]), min(until, reign[1])
            if low < high:
                yield low, Stretch(number, band, month, year)

    def _changes(self, version: Tariff, day: date, since: int, until: int) -> Iterator[tuple[int, int, Band]]:
        if version.schedule is None:
            yield since, until, Band.FLAT
            return
        changes = version.schedule.of_day(day, self._calendar)
        for low, high, midnight in self._even(day, since, until):
            ends = [minutes for minutes, _ in changes[1:]] + [24 * 60]
            for (start, band), end in zip(changes, ends, strict=True):
                begin = max(low, midnight + start * MINUTE_MS)
                finish = min(high, midnight + end * MINUTE_MS)
                if begin < finish:
                    yield begin, finish, band

    def _even(self, day: date, since: int, until: int) -> Iterator[tuple[int, int, int]]:
        """Parts of a day in which the clock is not put forward or back, each with what its midnight would be."""
        naive = millis(datetime.combine(day, time(), UTC))
        while since < until:
            offset = self._offset(since)
            end = until if self._offset(until - 1) == offset else self._jump(since, until)
            yield since, end, naive - offset
            since = end

    def _jump(self, low: int, high: int) -> int:
        """The first instant in (low, high) with another offset than at `low`."""
        offset = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, ms: int) -> int:
        offset = moment(ms).astimezone(self._zone).utcoffset() or timedelta()
        return offset // timedelta(milliseconds=1)


def millis(at: datetime) -> int:
    """An instant as whole milliseconds."""
    since = at.astimezone(UTC) - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def moment(ms: int) -> datetime:
    """The instant of that many milliseconds."""
    return EPOCH + timedelta(milliseconds=ms)


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
