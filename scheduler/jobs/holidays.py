"""Keeps the sites' holidays up to date: at the start, and twice a day, so that a new year is never met unprepared."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.refresh_holidays import HolidaySource, refresh_holidays
from scheduler.triggers import Job

PERIOD_S = 12 * 3600


def job(business: Business, source: HolidaySource) -> Job:
    """The job."""

    async def run() -> int:
        await refresh_holidays(business, source)
        return 0

    return Job(name="holidays", run=run, period_s=PERIOD_S)
