"""Ends an order that was not paid: asks the provider first and closes it there, so the end is true on both sides."""

from __future__ import annotations

from prepaid.domain.errors import InvariantBroken
from prepaid.domain.notices import Stage
from prepaid.domain.orders import ALLOWED, OPEN, Order, OrderState
from prepaid.ports import Business
from prepaid.usecases.credit_payment import take_answer
from prepaid.usecases.providers import provider_named
from prepaid.usecases.tell import tell_thread


async def close_order(business: Business, order: Order) -> Order:
    """The order as it then stands: expired, or credited if it turned out to be paid (M8)."""
    if not await _paid(business, order) and not await expire(business, order):
        await _paid(business, order)  # Paid between the question and the closing.
    fresh = await business.store.orders.get(order.id)
    if fresh is None:
        raise InvariantBroken(f"order {order.id} vanished")
    return fresh


async def expire(business: Business, order: Order) -> bool:
    """Closes it at the provider and then here; False when the provider says that it was paid."""
    if not await provider_named(business, order.provider).close(order):
        return False
    while OrderState.EXPIRED in ALLOWED[order.state]:
        if await business.store.orders.move(order.id, order.state, OrderState.EXPIRED):
            await tell_thread(business, order, Stage.EXPIRED, {})
            return True
        fresh = await business.store.orders.get(order.id)
        if fresh is None or fresh.state not in OPEN:
            return True  # Somebody else took it on meanwhile.
        order = fresh
    return True


async def _paid(business: Business, order: Order) -> bool:
    payment = await provider_named(business, order.provider).query(order)
    if payment is None:
        return False
    await take_answer(business, order, payment)
    return True
