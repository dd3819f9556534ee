"""Finishes what a crash left half done of an admin's decision about a register (Y1)."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.change_register import finish_changes
from scheduler.triggers import Job

PERIOD_S = 30


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        return await finish_changes(business)

    return Job(name="registers", run=run, period_s=PERIOD_S)
