"""Ends emergency credit that has been repaid and tells of what was taken, where a crash kept either from happening."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.settle_emergency import clear_emergencies
from scheduler.triggers import Job

PERIOD_S = 60


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        await clear_emergencies(business)
        return 0

    return Job(name="emergencies", run=run, period_s=PERIOD_S)
