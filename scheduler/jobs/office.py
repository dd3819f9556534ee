"""Finishes what a crash left of the office's work, and goes on with what waits: approvals, receipts, refunds, moves."""

from __future__ import annotations

from prepaid.ports import Business
from prepaid.usecases.assign_meter import mend_supplies
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.cash_topup import resume_receipts
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.close_account import resume_closings
from scheduler.triggers import Job

PERIOD_S = 15


def job(business: Business) -> Job:
    """The job."""

    async def run() -> int:
        for sweep in (resume_approvals, resume_receipts, chase_refunds, resume_closings, mend_supplies):
            await sweep(business)
        return 0  # What waits comes up again by its own plan.

    return Job(name="office", run=run, period_s=PERIOD_S)
