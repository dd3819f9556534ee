"""Posts fixed fees soon after each local midnight, and what an outage left. Keys make each fee single (Y5)."""

from __future__ import annotations

from datetime import datetime

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.post_fees import post_fees
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

AFTER_MIDNIGHTS = Plan(cron="2,17,32,47 * * * *", time_zone="UTC", missed=Missed.LATEST)
"""Midnight comes at a quarter of an hour in every time zone; the newest slot makes up for those before."""


def job(business: Business, owner: str) -> Job:
    """The job."""

    async def work(_slot: datetime, _run: SlotRun) -> int:
        return await post_fees(business)

    return slotted(business, owner, "fees", AFTER_MIDNIGHTS, work)
