"""The janitor of orders: asks about what is open, finishes what a crash left, closes what expired (M4, M9)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from prepaid.domain.errors import Trouble
from prepaid.domain.orders import OPEN, Order, OrderState, question_due_s
from prepaid.ports import Business
from prepaid.usecases.close_order import expire
from prepaid.usecases.credit_payment import finish_paid, take_answer
from prepaid.usecases.providers import provider_named

log = structlog.get_logger()

BATCH = 100
AT_ONCE = 5
"""Questions to providers under way at a time: a slow one does not make all others wait, nor is it flooded."""


async def chase_orders(business: Business) -> int:
    """One round: returns how many orders were asked about or finished."""
    paid = await business.store.orders.in_states(frozenset({OrderState.PAID}), BATCH)
    due = await business.store.orders.due(OPEN, business.clock.now(), BATCH)
    room = asyncio.Semaphore(AT_ONCE)
    return sum(await asyncio.gather(*(_guarded(business, order, room) for order in (*paid, *due))))


async def _guarded(business: Business, order: Order, room: asyncio.Semaphore) -> bool:
    """One order's trouble does not hold up the others; it comes up again at its next turn."""
    try:
        async with room:
            await _one(business, order)
    except Trouble as trouble:
        log.warning("order_waits", order=order.id, kind=type(trouble).__name__, key=trouble.key)
        return False
    return True


async def _one(business: Business, order: Order) -> None:
    if order.state is OrderState.PAID:
        await finish_paid(business, order)
        return
    now = business.clock.now()
    next_at = now + timedelta(seconds=question_due_s(order.questions + 1))
    await business.store.orders.asked(order.id, now, next_at)
    payment = await provider_named(business, order.provider).query(order)
    if payment is not None:
        await take_answer(business, order, payment)
    elif now >= order.expires_at:
        await expire(business, order)  # If it is paid in the last moment, the next question finds the payment.
