"""Looks again at every supply that is off: whoever has credit is restored even if a crash lost the decision (S1).

A paid restore that is late is escalated: the payer hears why, the staff get a ticket.
"""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.review_supplies import review_supplies
from prepaid.usecases.stuck_payment import review_restores
from scheduler.triggers import Job

PERIOD_S = 15


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        await review_supplies(business)
        await review_restores(business)
        return 0

    return Job(name="supplies", run=run, period_s=PERIOD_S)
