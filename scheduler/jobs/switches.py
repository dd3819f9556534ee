"""Ends relay commands that nobody answered, so that somebody is told (S4)."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.confirm_switches import confirm_switches
from scheduler.triggers import Job

PERIOD_S = 60


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        await confirm_switches(business)
        return 0  # What stays unanswered comes up again, so a round is never followed at once by another.

    return Job(name="switches", run=run, period_s=PERIOD_S)
