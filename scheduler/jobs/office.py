"""Finishes what a crash left of the office's work, and goes on with what waits: approvals, refunds, moves, requests."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.assign_meter import mend_supplies
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.cash_topup import resume_receipts
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.close_account import resume_closings
from prepaid.usecases.staff_requests import tell_of_requests
from scheduler.triggers import Job

PERIOD_S = 15


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        sweeps = (resume_approvals, resume_receipts, chase_refunds, resume_closings, mend_supplies, tell_of_requests)
        for sweep in sweeps:
            await sweep(business)
        return 0  # What waits comes up again by its own plan.

    return Job(name="office", run=run, period_s=PERIOD_S)
