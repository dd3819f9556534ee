"""Tells what is due of planned outages: reminders, what a crash left untold, what stayed silent afterwards (N1, N2)."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.plan_outage import tell_outages
from scheduler.triggers import Job

PERIOD_S = 60


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        return await tell_outages(business)

    return Job(name="outages", run=run, period_s=PERIOD_S)
