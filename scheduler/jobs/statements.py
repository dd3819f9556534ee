"""Sends the reports and bills that people ordered, each morning and on the first of each month, once (Y5)."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.mail_outs import Every
from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.queue_mail_outs import queue_mail_outs
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

EVERY_QUARTER = Plan(cron="9,24,39,54 * * * *", time_zone="UTC", missed=Missed.LATEST)
"""Somewhere it is seven in the morning at every quarter of an hour; the newest slot makes up for those before."""
NAMES = {Every.DAY: "daily_statements", Every.MONTH: "monthly_statements"}


def job(business: Business, owner: str, every: Every) -> Job:
    """The job of one rhythm."""

    async def work(_slot: datetime, run: SlotRun) -> int:
        return await queue_mail_outs(business, every, lambda: business.store.job_runs.holds(run))

    return slotted(business, owner, NAMES[every], EVERY_QUARTER, work)
