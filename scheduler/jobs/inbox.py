"""Works the notifications that were kept: at once when woken, and every few seconds for what a crash left."""

from __future__ import annotations

from prepaid.ports import TOPIC_INBOX, Business
from prepaid.usecases.work_inbox import work_inbox
from scheduler.triggers import Job


def job(business: Business) -> Job:
    """The job."""
    return Job(name="inbox", run=lambda: work_inbox(business), period_s=2, topics=(TOPIC_INBOX,))
