"""The janitor of orders: asks about what is open, finishes what a crash left, closes what expired (M4, M9)."""

from __future__ import annotations

from datetime import timedelta

import structlog

from prepaid.domain.errors import Trouble
from prepaid.domain.notices import Stage
from prepaid.domain.orders import ALLOWED, OPEN, Order, OrderState, question_due_s
from prepaid.ports import Business
from prepaid.usecases.credit_payment import credit_payment, finish_paid
from prepaid.usecases.tell import tell_thread

log = structlog.get_logger()

BATCH = 100


async def chase_orders(business: Business) -> int:
    """One round: returns how many orders were asked about or finished."""
    worked = 0
    for order in await business.store.orders.in_states(frozenset({OrderState.PAID}), BATCH):
        worked += await _guarded(business, order)
    for order in await business.store.orders.in_states(OPEN, BATCH):
        if _due(business, order):
            worked += await _guarded(business, order)
    return worked


def _due(business: Business, order: Order) -> bool:
    since = order.asked_at or order.created_at
    return business.clock.now() - since >= timedelta(seconds=question_due_s(order.questions))


async def _guarded(business: Business, order: Order) -> bool:
    """One order's trouble does not hold up the others; it comes up again at its next turn."""
    try:
        await _one(business, order)
    except Trouble as trouble:
        log.warning("order_waits", order=order.id, kind=type(trouble).__name__, key=trouble.key)
        return False
    return True


async def _one(business: Business, order: Order) -> None:
    if order.state is OrderState.PAID:
        await finish_paid(business, order)
        return
    await business.store.orders.asked(order.id, business.clock.now())
    provider = business.providers[order.provider]
    payment = await provider.query(order)
    if payment is not None and payment.success:
        await credit_payment(business, payment)
    elif business.clock.now() >= order.expires_at:
        await _expire(business, order)


async def _expire(business: Business, order: Order) -> None:
    closed = await business.providers[order.provider].close(order)
    if not closed or OrderState.EXPIRED not in ALLOWED[order.state]:
        return  # Paid in the last moment: the next question finds the payment.
    if await business.store.orders.move(order.id, order.state, OrderState.EXPIRED):
        await tell_thread(business, order, Stage.EXPIRED, {})
