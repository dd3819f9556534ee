"""Carries notices to people."""

from __future__ import annotations

from collections.abc import Mapping

from prepaid.ports import TOPIC_OUTBOX, Business, Sender
from prepaid.usecases.deliver_notices import deliver_notices
from scheduler.triggers import Job


def job(business: Business, senders: Mapping[str, Sender]) -> Job:
    """The job. Runs where the channels are."""
    return Job(name="outbox", run=lambda: deliver_notices(business, senders), period_s=1, topics=(TOPIC_OUTBOX,))
