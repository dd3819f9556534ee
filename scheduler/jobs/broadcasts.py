"""Tells the rest of those whom a crash left out of a message to many (N1, Y1)."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.broadcast import finish_broadcasts
from scheduler.triggers import Job

PERIOD_S = 30


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        return await finish_broadcasts(business)

    return Job(name="broadcasts", run=run, period_s=PERIOD_S)
