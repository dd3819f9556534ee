"""Rolls up yesterday's readings, so that the slots may expire and charts of years stay quick (FEATURES T1)."""

from __future__ import annotations

from datetime import datetime, timedelta

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

QUARTERS = Plan(cron="7,22,37,52 * * * *", time_zone="UTC", missed=Missed.LATEST)
BATCH = 200
SETTLED = timedelta(hours=27)
"""A day has ended everywhere, and its stragglers have come, this long after it began at the site."""


def job(business: Business, owner: str) -> Job:
    """The job. A batch at a time, as long as the slot is still this scheduler's."""

    async def work(_slot: datetime, run: SlotRun) -> int:
        before, did = business.clock.now() - SETTLED, 0
        while await business.store.job_runs.holds(run):
            batch = await business.store.readings.close_days(before, BATCH)
            did += batch
            if batch < BATCH:
                break
        return did

    return slotted(business, owner, "retention", QUARTERS, work)
