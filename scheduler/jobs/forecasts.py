"""Foresees soon after each local midnight how long credit lasts, and warns by days (Y5)."""

from __future__ import annotations

from datetime import datetime

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.foresee import foresee
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

AFTER_MIDNIGHTS = Plan(cron="6,21,36,51 * * * *", time_zone="UTC", missed=Missed.LATEST)
"""Midnight comes at a quarter of an hour in every time zone; by then the day's entries and fees are in the books."""


def job(business: Business, owner: str) -> Job:
    """The job. A day's forecast is made once; the newest slot makes up for those before."""

    async def work(_slot: datetime, run: SlotRun) -> int:
        return await foresee(business, lambda: business.store.job_runs.holds(run))

    return slotted(business, owner, "forecasts", AFTER_MIDNIGHTS, work)
