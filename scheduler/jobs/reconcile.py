"""Compares with providers' bills each day once they are there, and what an outage left of the last week (M17)."""

from __future__ import annotations

from prepaid.domain.access import CLOCK
from prepaid.domain.reconcile import days_due
from prepaid.ports import Business
from prepaid.usecases.reconcile import reconcile_due
from scheduler.triggers import Job

PERIOD_S = 900
DAYS_BACK = 7
LEASE_S = 600


def job(business: Business, owner: str) -> Job:
    """The job. The lease keeps two schedulers from fetching the same bills; what must be single is so by keys."""

    async def run() -> int:
        lease = await business.store.leases.take("job:reconcile", owner, LEASE_S)
        if lease is None:
            return 0
        try:
            await reconcile_due(business, CLOCK, days_due(business.clock.now(), DAYS_BACK))
        finally:
            await business.store.leases.release(lease)
        return 0  # A bill that is not there yet comes up again by the period.

    return Job(name="reconcile", run=run, period_s=PERIOD_S)
