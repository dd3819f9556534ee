"""Keeps the sites' holidays up to date, so that a new year is never met unprepared."""

from __future__ import annotations

from datetime import datetime

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.refresh_holidays import HolidaySource, refresh_holidays
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

HOURLY = "25 * * * *"
"""A site that was set up a moment ago has its holidays within the hour."""


def job(business: Business, owner: str, time_zone: str, source: HolidaySource) -> Job:
    """The job."""

    async def work(_slot: datetime, _run: SlotRun) -> int:
        return await refresh_holidays(business, source)

    return slotted(business, owner, "holidays", Plan(cron=HOURLY, time_zone=time_zone, missed=Missed.LATEST), work)
