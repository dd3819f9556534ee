"""Keeps balances and registers of each site's local midnight soon after it (Y5)."""

from __future__ import annotations

from datetime import datetime

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.take_snapshots import take_snapshots
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

AFTER_MIDNIGHTS = Plan(cron="3,18,33,48 * * * *", time_zone="UTC", missed=Missed.LATEST)
"""Midnight comes at a quarter of an hour in every time zone; three minutes on, what was under way is in the books."""


def job(business: Business, owner: str) -> Job:
    """The job. It looks back at midnight, so the newest slot makes up for those before."""

    async def work(_slot: datetime, run: SlotRun) -> int:
        return await take_snapshots(business, lambda: business.store.job_runs.holds(run))

    return slotted(business, owner, "snapshots", AFTER_MIDNIGHTS, work)
