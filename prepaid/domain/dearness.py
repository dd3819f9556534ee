"""How dear coming days are beside the past that a forecast was made of: steps, free units and new price lists. Pure.

What was used is valued at the mean price that was paid for it, so that habits are habits; a coming day then costs so
many permille of that, by the step that its use will lie in and by the price list that will be in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs import Band, Every, Step, Tariff, TariffPlan
from prepaid.domain.tariffs.pricing import Carry

PERMILLE = 1000
MOST_PERMILLE = 100_000
"""A day a hundred times as dear as the past is none that can be foretold."""


@dataclass(slots=True)
class Used:
    """What an account used of one utility in the past that is looked at. Units are Wh or litres."""

    by_day: Counter[date] = field(default_factory=Counter)
    by_band: Counter[str] = field(default_factory=Counter)
    cost_nano: int = 0

    @property
    def units(self) -> int:
        """In all."""
        return self.by_band.total()

    def add(self, day: date, units: int, band: str, price_micro: int) -> None:
        """One priced line; `price_micro` for 1000 units, sewage included."""
        self.by_day[day] += units
        self.by_band[band] += units
        self.cost_nano += units * price_micro

    def valued_micro(self, day: date) -> int:
        """A day's use at the mean price of all."""
        return self.by_day[day] * self.cost_nano // (self.units * PERMILLE) if self.units else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """One utility: its price list, what was used in how many days, and how far its steps are used today."""

    plan: TariffPlan
    used: Used
    days: int
    carry: Carry


def has_turns(plan: TariffPlan) -> bool:
    """Whether a unit may cost something else tomorrow than its band alone says."""
    return len(plan.versions) > 1 or any(len(each.steps) > 1 or each.free_wh for each in plan.versions)


def dear_permille(going: Sequence[Going], calendar: SiteCalendar, today: date, days: int) -> tuple[int, ...]:
    """What each of so many days from today on costs of what its use cost in the past; () where nothing was used."""
    past_nano = sum(each.used.cost_nano // max(1, each.days) for each in going)
    if not past_nano:
        return ()
    coming = [_Coming(each, calendar, today) for each in going]
    found = []
    for ahead in range(days):
        cost_nano = sum(each.cost_nano(ahead) for each in coming)
        found.append(min(MOST_PERMILLE, cost_nano * PERMILLE // past_nano))
    return tuple(found)


class _Coming:
    """The coming days of one utility, each with the use of a mean day."""

    def __init__(self, going: Going, calendar: SiteCalendar, today: date) -> None:
        self._going, self._calendar, self._today = going, calendar, today
        self._day_units = going.used.units // max(1, going.days)
        month, year = (going.carry.month, going.carry.month_wh), (going.carry.year, going.carry.year_wh)
        self._known = dict([*going.carry.past, month, year])

    def cost_nano(self, ahead: int) -> int:
        """The cost of a mean day's use so many days ahead, exactly."""
        day = self._today + timedelta(days=ahead)
        version = self._going.plan.at(self._calendar.midnight(day))
        in_month = self._used(ahead, day.replace(day=1), f"{day:%Y-%m}")
        if version.step_every is Every.YEAR:
            year = version.year_of(day)
            in_steps = self._used(ahead, date.fromisoformat(year), year)
        else:
            in_steps = in_month
        free = max(0, min(self._day_units, version.free_wh - in_month))
        return _priced(version, self._going.used.by_band, in_steps + free, in_steps + self._day_units)

    def _used(self, ahead: int, begins: date, period: str) -> int:
        """What is used of a period when a coming day begins: what is known today, and mean days since."""
        since = max(0, (begins - self._today).days)
        return self._known.get(period, 0) + self._day_units * (ahead - since)


def _priced(version: Tariff, shares: Mapping[str, int], first: int, last: int) -> int:
    """The units between two places of the steps, each step at its mean price."""
    total = 0
    ends = [*(step.above_wh for step in version.steps[1:]), last]
    for step, end in zip(version.steps, ends, strict=True):
        units = max(0, min(last, end) - max(first, step.above_wh))
        total += units * (_mean(version, step, shares) + version.sewage_micro)
    return total


def _mean(version: Tariff, step: Step, shares: Mapping[str, int]) -> int:
    """Micro-yuan per 1000 units, by how much was used in which band; bands that are gone count for nothing."""
    held = {band: shares.get(str(band), 0) for band in version.bands}
    if not sum(held.values()):
        held = dict.fromkeys(version.bands, 1)
    return sum(step.price(Band(band)) * share for band, share in held.items()) // sum(held.values())
