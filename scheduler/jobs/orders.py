"""Asks providers about open orders, and finishes what a crash left between paid and credited."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.chase_orders import chase_orders
from scheduler.triggers import Job

PERIOD_S = 10


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        await chase_orders(business)
        return 0  # Orders come up again by their own plan, so a round is never followed at once by another.

    return Job(name="orders", run=run, period_s=PERIOD_S)
