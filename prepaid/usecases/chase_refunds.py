"""The janitor of refunds: finishes what a crash left, and asks about what the provider has not answered (M9, M10)."""

from __future__ import annotations

from datetime import timedelta

import structlog

from prepaid.domain.errors import Trouble
from prepaid.domain.orders import question_due_s
from prepaid.domain.refunds import Refund, RefundStep
from prepaid.ports import Business
from prepaid.usecases.refund import drive_refund

log = structlog.get_logger()

BATCH = 500


async def chase_refunds(business: Business) -> int:
    """One round: returns how many refunds were worked. One refund's trouble does not hold up the others."""
    worked = 0
    for row in await business.store.refunds.open(BATCH):
        if not _due(business, row):
            continue
        try:
            await drive_refund(business, row)
            worked += 1
        except Trouble as trouble:
            log.warning("refund_waits", refund=row.id, kind=type(trouble).__name__, key=trouble.key)
    return worked


async def news_of_refund(business: Business, refund_id: str) -> bool:
    """A provider says that there is news of a refund: it is asked, and only its answer counts. False: not one of ours.

    Raises `Trouble` while nothing can be done, so that whoever brought the news comes again.
    """
    row = await business.store.refunds.get(refund_id)
    if row is None:
        return False
    await drive_refund(business, row)
    return True


def _due(business: Business, row: Refund) -> bool:
    """Our own steps at once; the provider by the same plan as orders."""
    if row.step is not RefundStep.DEBITED or row.asked_at is None:
        return True
    return business.clock.now() - row.asked_at >= timedelta(seconds=question_due_s(row.questions))
