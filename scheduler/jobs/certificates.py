"""Tells owners in the morning of certificates that end soon, once for each mark of days that is passed (N1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.warn_of_endings import Ending, warn_of_endings
from scheduler.slots import Plan, slotted
from scheduler.triggers import Job

MORNING = "30 9 * * *"


def job(business: Business, owner: str, time_zone: str, find: Callable[[], Awaitable[Sequence[Ending]]]) -> Job:
    """The job. A morning that was missed is made up for by the newest."""

    async def work(_slot: datetime, _run: SlotRun) -> int:
        return await warn_of_endings(business, await find())

    return slotted(business, owner, "certificates", Plan(cron=MORNING, time_zone=time_zone), work)
