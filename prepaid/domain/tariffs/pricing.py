"""The cost of a metered interval: `charge = round(cost of everything so far) - already charged`.

However a stretch of constant price is cut into readings, the charges add up to the same, and what is carried to the
next charge is at most half a micro-yuan (M12, M13). All figures are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.tariffs.bands import Band
from prepaid.domain.tariffs.own_registers import agree, comparable, grown_by_band
from prepaid.domain.tariffs.plan import Every, Pricing, Tariff, plan_of
from prepaid.domain.tariffs.timeline import Stretch, Timeline, millis

NANO_PER_MICRO = 1000
FREE = -1
"""The block of what costs nothing."""
PAST_MONTHS = 3
PAST_YEARS = 1
"""Periods before the newest whose counters are kept, for meters that are read late."""


class Point(NamedTuple):
    """A register at an instant, with the meter's own band registers where it has them."""

    at_ms: int
    wh: int
    bands: Mapping[str, int] | None = None


class Carry(NamedTuple):
    """What pricing goes on from: everything priced and charged so far, and how far the month and step year are used.

    The month and year are those of the interval that was priced last. Where another meter of the account is read
    late, they step back to its own, and what the others have counted lies in `past`.
    """

    exact_nano: int = 0
    charged_micro: int = 0
    month: str = ""
    month_wh: int = 0
    year: str = ""
    year_wh: int = 0
    past: tuple[tuple[str, int], ...] = ()
    """Other months ("2026-10") and step years ("2026-01-01") with what was used in them."""

    @property
    def remainder_nano(self) -> int:
        """What is priced but not charged (negative: the other way round), at most half a micro-yuan."""
        return self.exact_nano - self.charged_micro * NANO_PER_MICRO


class PricedLine(NamedTuple):
    """Energy at one price. `block` counts steps from 0; what is free is in block -1."""

    since_ms: int
    until_ms: int
    energy_wh: int
    band: str
    block: int
    price_micro: int
    sewage_micro: int
    tariff: str

    @property
    def exact_nano(self) -> int:
        """The exact cost."""
        return self.energy_wh * (self.price_micro + self.sewage_micro)


class Priced(NamedTuple):
    """The charge for one more interval, its lines, and what the next one goes on from."""

    charge_micro: int
    lines: list[PricedLine]
    carry: Carry


class _Used(NamedTuple):
    since_ms: int
    until_ms: int
    band: Band
    wh: int
    stretch: Stretch


class Pricer:
    """Prices intervals under one plan at one site."""

    def __init__(self, pricing: Pricing, calendar: SiteCalendar) -> None:
        self._plan = plan_of(pricing)
        self._timeline = Timeline(self._plan, calendar)
        self._prices = [_table(version) for version in self._plan.versions]
        self._plain = [len(version.steps) == 1 and version.free_wh == 0 for version in self._plan.versions]

    def price(self, start: Point, end: Point, carry: Carry) -> Priced:
        """What the interval costs after everything in `carry`. Halves round to even."""
        if end.wh < start.wh or end.at_ms < start.at_ms:
            raise InvariantBroken("an interval cannot run backwards")
        lines: list[PricedLine] = []
        exact, charged, month, month_wh, year, year_wh, past = carry
        own = _own_registers(start, end)
        for used in self._by_register(start, end) if own else self._by_time(start, end):
            stretch = used.stretch
            if stretch.month != month:
                month_wh, past = _turned(past, (month, month_wh), stretch.month)
                month = stretch.month
            if stretch.year != year:
                year_wh, past = _turned(past, (year, year_wh), stretch.year)
                year = stretch.year
            if used.wh:
                exact += self._add(lines, used, month_wh, year_wh)
                month_wh += used.wh
                year_wh += used.wh
        due = max(charged, round_half_even(exact))  # Counters that were joined may be half a micro-yuan ahead.
        return Priced(due - charged, lines, Carry(exact, due, month, month_wh, year, year_wh, past))

    def price_now(self, at: datetime, carry: Carry) -> int:
        """Micro-yuan for 1000 more units at this instant, sewage included."""
        start = millis(at)
        carried = carry._replace(exact_nano=0, charged_micro=0)
        lines = self.price(Point(start, 0), Point(start, 1), carried).lines
        return lines[0].price_micro + lines[0].sewage_micro

    def _by_time(self, start: Point, end: Point) -> Iterator[_Used]:
        """Energy by stretches of time: registers in between lie on a straight line, rounded down."""
        line = self._timeline
        index = line.index(start.at_ms, end.at_ms)
        lasted, energy = end.at_ms - start.at_ms, end.wh - start.wh
        since, before = start.at_ms, 0
        while True:
            until = line.starts[index + 1] if index + 1 < len(line.starts) else line.until
            stretch = line.stretches[index]
            if until >= end.at_ms:
                yield _Used(since, end.at_ms, stretch.band, energy - before, stretch)
                return
            passed = energy * (until - start.at_ms) // lasted
            yield _Used(since, until, stretch.band, passed - before, stretch)
            since, before = until, passed
            index += 1

    def _by_register(self, start: Point, end: Point) -> Iterator[_Used]:
        """Energy by the meter's own band registers, cut only where a version, month or step year ends."""
        lasted = max(1, end.at_ms - start.at_ms)
        grown = grown_by_band(start.bands or {}, end.bands or {}, end.wh - start.wh)
        before = dict.fromkeys(grown, 0)
        for since, until, stretch in self._spells(start.at_ms, end.at_ms):
            passed = lasted if until == end.at_ms else until - start.at_ms
            for band, energy in grown.items():
                at_cut = energy * passed // lasted
                yield _Used(since, until, band, at_cut - before[band], stretch)
                before[band] = at_cut

    def _spells(self, since: int, until: int) -> Iterator[tuple[int, int, Stretch]]:
        """The interval cut wherever anything but the band changes."""
        line = self._timeline
        index = line.index(since, until)
        while True:
            stretch, last = line.stretches[index], index
            while last + 1 < len(line.starts) and _same_but_band(stretch, line.stretches[last + 1]):
                last += 1
            end = line.starts[last + 1] if last + 1 < len(line.starts) else line.until
            yield since, min(end, until), stretch
            if end >= until:
                return
            since, index = end, last + 1

    def _add(self, lines: list[PricedLine], used: _Used, month_wh: int, year_wh: int) -> int:
        """Adds the lines of what was used in one stretch, block by block; returns their exact cost."""
        number, left = used.stretch.version, used.wh
        version, prices = self._plan.versions[number], self._prices[number]
        sewage = version.sewage_micro
        if self._plain[number]:
            price = prices[used.band][0]
            lines.append(PricedLine(used.since_ms, used.until_ms, left, used.band, 0, price, sewage, version.id))
            return left * (price + sewage)
        exact = 0
        counter = month_wh if version.step_every is Every.MONTH else year_wh
        while left:
            free = version.free_wh - month_wh
            block = _block(version, counter)
            room = version.steps[block + 1].above_wh - counter if block + 1 < len(version.steps) else left
            part = min(left, room, free) if free > 0 else min(left, room)
            price, extra, place = (0, 0, FREE) if free > 0 else (prices[used.band][block], sewage, block)
            lines.append(PricedLine(used.since_ms, used.until_ms, part, used.band, place, price, extra, version.id))
            exact += part * (price + extra)
            left, counter, month_wh = left - part, counter + part, month_wh + part
        return exact


@lru_cache(maxsize=256)
def pricer(pricing: Pricing, calendar: SiteCalendar) -> Pricer:
    """The pricer of a plan at a site; made once, as long as neither changes."""
    return Pricer(pricing, calendar)


def price_interval(pricing: Pricing, calendar: SiteCalendar, start: Point, end: Point, carry: Carry) -> Priced:
    """Prices one interval."""
    return pricer(pricing, calendar).price(start, end, carry)


def point(at: datetime, wh: int, bands: Mapping[str, int] | None = None) -> Point:
    """A register at an instant."""
    return Point(millis(at), wh, bands)


def round_half_even(nano: int) -> int:
    """Nano-yuan to micro-yuan; halves go to the even neighbour, so that they do not add up to anybody's favour."""
    micro, rest = divmod(nano, NANO_PER_MICRO)
    half = NANO_PER_MICRO // 2
    return micro + (rest > half or (rest == half and micro % 2 == 1))


def laid_by(counters: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Counters that may be needed again, oldest first. Whatever is read later than that counts from 0."""
    used = sorted((period, wh) for period, wh in counters.items() if wh)
    months = [each for each in used if len(each[0]) == len("2026-11")]
    years = [each for each in used if len(each[0]) > len("2026-11")]
    return (*months[-PAST_MONTHS:], *years[-PAST_YEARS:])


def _turned(
    past: tuple[tuple[str, int], ...], old: tuple[str, int], period: str
) -> tuple[int, tuple[tuple[str, int], ...]]:
    """What another period has seen so far, once the old one is laid by."""
    counters = dict(past)
    counters[old[0]] = old[1]
    return counters.pop(period, 0), laid_by(counters)


def _table(version: Tariff) -> dict[Band, tuple[int, ...]]:
    """Prices by band and block. A meter may count in bands that the schedule never reaches: they cost the rest's."""
    rest = version.schedule.rest if version.schedule else Band.FLAT
    return {band: tuple(step.price(band if band in version.bands else rest) for step in version.steps) for band in Band}


def _block(version: Tariff, counter: int) -> int:
    """The step that the next unit lies in."""
    block = 0
    while block + 1 < len(version.steps) and version.steps[block + 1].above_wh <= counter:
        block += 1
    return block


def _same_but_band(one: Stretch, other: Stretch) -> bool:
    return (one.version, one.month, one.year) == (other.version, other.month, other.year)


def _own_registers(start: Point, end: Point) -> bool:
    """Whether band registers can be billed. Where they cannot (another device took over), time says which it was."""
    if start.bands is None or end.bands is None or not comparable(start.bands, end.bands):
        return False
    return agree(start.bands, end.bands, end.wh - start.wh)
