"""Public holidays from the packages that publish them: chinesecalendar for China, holidays for everywhere else.

chinesecalendar carries what the State Council announced, worked weekends included, for the years that were announced.
A later year of China comes from holidays, which knows the statutory days before their swaps are published.
"""

from __future__ import annotations

from datetime import date

import chinese_calendar
import holidays

from prepaid.domain.holidays import HolidayTable, merge, table

CHINA = "CN"


def holiday_table(country: str, year: int) -> HolidayTable | None:
    """The days of `year` and the year after; None for a country that neither package knows."""
    tables = [_of_year(country, each) for each in (year, year + 1)]
    known = [each for each in tables if each is not None]
    return merge(*known) if known else None


def _of_year(country: str, year: int) -> HolidayTable | None:
    if country == CHINA and (announced := _announced(year)) is not None:
        return announced
    try:
        days = holidays.country_holidays(country, years=[year])
    except NotImplementedError:
        return None
    return table(frozenset(day for day in days if day.year == year), _worked(days, year))


def _announced(year: int) -> HolidayTable | None:
    """What was announced for a year of China, or None while nothing was."""
    free = frozenset(day for day in chinese_calendar.holidays if day.year == year)
    worked = frozenset(day for day in chinese_calendar.workdays if day.year == year)
    return table(free, worked) if free else None


def _worked(days: holidays.HolidayBase, year: int) -> frozenset[date]:
    """Weekend days that a country works in exchange, where the package knows them."""
    return frozenset(day for day in getattr(days, "weekend_workdays", ()) if day.year == year)
