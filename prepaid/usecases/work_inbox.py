"""Works the notifications that were kept, oldest first. A crash between any two steps is finished by the next run."""

from __future__ import annotations

import asyncio

import structlog

from prepaid.domain.access import CLOCK
from prepaid.domain.errors import Trouble
from prepaid.ports import Business, InboxRow
from prepaid.usecases.authorize import record
from prepaid.usecases.chase_refunds import news_of_refund
from prepaid.usecases.credit_payment import credit_payment

log = structlog.get_logger()

BATCH = 50


async def work_inbox(business: Business) -> int:
    """Works up to a batch of rows; returns how many were finished. One row's trouble does not hold up the others."""
    rows = await business.store.inbox.waiting(BATCH)
    done = await asyncio.gather(*(_one(business, row) for row in rows))
    return sum(done)


async def _one(business: Business, row: InboxRow) -> bool:
    try:
        await _take(business, row)
        await business.store.inbox.worked(row.id)
    except Trouble as trouble:
        log.warning("inbox_row_waits", row=row.id, kind=type(trouble).__name__, key=trouble.key)
        await business.store.inbox.failed(row.id)
        return False
    return True


async def _take(business: Business, row: InboxRow) -> None:
    """Money into its order; news of a refund is a reason to ask, and proves nothing itself."""
    if row.refund_id is not None and not await news_of_refund(business, row.refund_id):
        await record(business, CLOCK, "note_foreign_refund", row.refund_id, reason=row.kind)
    if row.payment is not None and row.payment.success:
        await credit_payment(business, row.payment)
    elif row.payment is not None:
        await record(business, CLOCK, "note_unpaid", row.payment.order_id, reason=row.kind)
