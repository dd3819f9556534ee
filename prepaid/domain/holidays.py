"""A country's days off and the weekend days that are worked in exchange, wherever an adapter gets them from.

Published tables are often known for this year only; `merge` joins what several sources say of different years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from prepaid.domain.calendar import SATURDAY


@dataclass(frozen=True, slots=True)
class HolidayTable:
    """Sorted days. A day is never both; a worked day is always one of a weekend."""

    holidays: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()


def table(holidays: frozenset[date], working_days: frozenset[date]) -> HolidayTable:
    """Puts two sets of days in order. Where a source says both of a day, nobody is cut off on it."""
    worked = {day for day in working_days if day not in holidays and day.weekday() >= SATURDAY}
    return HolidayTable(tuple(sorted(holidays)), tuple(sorted(worked)))


def merge(*tables: HolidayTable) -> HolidayTable:
    """All days of several tables."""
    holidays = frozenset(day for each in tables for day in each.holidays)
    working_days = frozenset(day for each in tables for day in each.working_days)
    return table(holidays, working_days)
