"""Compares with providers' bills each day once they are there, and what an outage left of the last week (M17)."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import CLOCK
from prepaid.domain.reconcile import days_due
from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.reconcile import reconcile_due
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

QUARTERS = Plan(cron="4,19,34,49 * * * *", time_zone="Asia/Shanghai", missed=Missed.LATEST)
"""A bill that is not there yet comes up again with the next slot."""
DAYS_BACK = 7


def job(business: Business, owner: str) -> Job:
    """The job. A slot belongs to one scheduler, so that two do not fetch the same bills."""

    async def work(_slot: datetime, _run: SlotRun) -> int:
        return await reconcile_due(business, CLOCK, days_due(business.clock.now(), DAYS_BACK))

    return slotted(business, owner, "reconcile", QUARTERS, work)
