"""Posts fixed fees soon after each local midnight, and what an outage left. Keys make each fee single (Y5)."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.post_fees import post_fees
from scheduler.triggers import Job

PERIOD_S = 1800


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        await post_fees(business)
        return 0

    return Job(name="fees", run=run, period_s=PERIOD_S)
