"""Fills every site's public holidays and worked weekends for this year and the next, as far as they are published."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from prepaid.domain.holidays import HolidayTable
from prepaid.ports import Business

log = structlog.get_logger()

HolidaySource = Callable[[str, int], HolidayTable | None]
"""(country, first year) gives the days of that year and the next; None for a country that it does not know."""


async def refresh_holidays(business: Business, source: HolidaySource) -> int:
    """Returns how many sites changed. What people set in the override tables is not touched.

    A country that nobody knows, or an empty answer, leaves the days that the site has: fewer holidays mean more cuts.
    """
    changed = 0
    for site in await business.store.sites.sites():
        year = site.calendar.local(business.clock.now()).year
        found = source(site.calendar.country, year) if site.calendar.country else None
        if found is None or not found.holidays:
            continue
        if (found.holidays, found.working_days) != (site.calendar.holidays, site.calendar.working_days):
            await business.store.sites.set_holidays(site.id, found)
            log.info("holidays_filled", site=site.id, days=len(found.holidays), worked=len(found.working_days))
            changed += 1
    return changed
