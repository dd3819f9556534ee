"""Carries notices to people: what one of them waits for in one job, what is told to many in another (N1)."""

from __future__ import annotations

from collections.abc import Mapping

from prepaid.domain.notices import Lane
from prepaid.ports import TOPIC_OUTBOX, Business, Sender
from prepaid.usecases.deliver_notices import deliver_notices
from scheduler.triggers import Job


def job(business: Business, senders: Mapping[str, Sender]) -> Job:
    """The job. Runs where the channels are."""

    async def run() -> int:
        return await deliver_notices(business, senders, lanes=[Lane.PROMPT])

    return Job(name="outbox", run=run, period_s=1, topics=(TOPIC_OUTBOX,))


def bulk_job(business: Business, senders: Mapping[str, Sender]) -> Job:
    """The same for the bulk lane. A job of its own, so that a slow round of many never delays a reply."""

    async def run() -> int:
        return await deliver_notices(business, senders, lanes=[Lane.BULK])

    return Job(name="outbox_bulk", run=run, period_s=2, topics=(TOPIC_OUTBOX,))
