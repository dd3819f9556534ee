"""Opens an order for a wish and asks the provider for it: the row first, and the same wish keeps its number (M9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from prepaid.domain.accounts import Account
from prepaid.domain.errors import InvariantBroken, Refused, Trouble, Unknown
from prepaid.domain.notices import Stage
from prepaid.domain.orders import (
    MOST_OPEN,
    OPEN,
    Order,
    OrderState,
    PayWay,
    new_order_id,
    payable,
    question_due_s,
    wish_of,
)
from prepaid.ports import Business
from prepaid.usecases.close_order import close_order
from prepaid.usecases.credit_payment import take_answer
from prepaid.usecases.providers import provider_named
from prepaid.usecases.tell import tell_thread

log = structlog.get_logger()

MOST_TURNS = 50
"""Earlier orders of the same wish that are stepped over; each was found finished."""


Before = Callable[[str], Awaitable[None]]


async def open_order(business: Business, account: Account, wish: Order, *, before: Before | None = None) -> Order:
    """The order of this wish, pending with a `pay_uri`, or unknown when the provider did not answer in time.

    `wish` has no number yet. An order of the same wish that can still be paid is shown again under its own number; one
    that nearly ends is closed first, and if it turns out to be paid it is returned as it then stands. `before` hears
    the number of an order before it is there, and may refuse.
    """
    provider_named(business, wish.provider)
    order = await _keep(business, wish, before)
    if order.state not in OPEN or (order.pay_uri is not None and order.way is PayWay.QR):
        return order
    return await _ask(business, account, order)


async def _keep(business: Business, wish: Order, before: Before | None) -> Order:
    recent = await business.store.orders.of_account(wish.account_id, MOST_OPEN)
    earlier = next((each for each in recent if wish_of(each) == wish_of(wish)), None)
    if earlier is None and sum(each.state in OPEN for each in recent) >= MOST_OPEN:
        raise Refused("refused.too_many_orders")
    now = business.clock.now()
    for _ in range(MOST_TURNS):
        if earlier is not None:
            if payable(earlier, now):
                return await _asked_again(business, earlier)
            stands = await _ended(business, earlier)
            if stands is not None:
                return stands
        number = new_order_id(now, wish=wish_of(wish), after=earlier.id if earlier else "")
        ask_at = now + timedelta(seconds=question_due_s(0))
        fresh = replace(wish, id=number, ask_at=ask_at)
        if before is not None:
            await before(number)
        held = await business.store.orders.keep(fresh)
        if held == fresh:
            return held
        earlier = held
    raise Refused("refused.too_many_orders")


async def _asked_again(business: Business, order: Order) -> Order:
    """It may have been paid a moment ago: then nobody is shown a code that was paid. No answer is no reason to wait."""
    if order.pay_uri is None:
        return order
    try:
        payment = await provider_named(business, order.provider).query(order)
        if payment is not None:
            await take_answer(business, order, payment)
    except Trouble as trouble:
        log.info("shown_unasked", order=order.id, kind=type(trouble).__name__)
        return order
    return await _fresh(business, order)


async def _ended(business: Business, earlier: Order) -> Order | None:
    """A new number comes only after the old one was closed: None once it is, the order itself if it was paid."""
    if earlier.state not in OPEN:
        return None
    stands = await close_order(business, earlier)
    return None if stands.state is OrderState.EXPIRED else stands


async def _ask(business: Business, account: Account, order: Order) -> Order:
    orders = business.store.orders
    try:
        pay_uri = await provider_named(business, order.provider).create(order, account.label)
    except Unknown:
        log.warning("order_unknown", order=order.id)
        await orders.move(order.id, OrderState.CREATED, OrderState.UNKNOWN)
        return await _fresh(business, order)
    except Refused:
        # Only a first no is an end: one that was asked for before may have been paid meanwhile.
        await orders.move(order.id, OrderState.CREATED, OrderState.EXPIRED)
        raise
    # The notification may have come first: then the order is past this edge, and that is well.
    for old in (OrderState.CREATED, OrderState.UNKNOWN):
        if order.state is old:
            await orders.move(order.id, old, OrderState.PENDING, pay_uri=pay_uri)
    if order.link_id is None:
        await tell_thread(business, order, Stage.WAITING, {"pay_uri": pay_uri})
    fresh = await _fresh(business, order)
    return fresh if fresh.pay_uri == pay_uri else _shown(fresh, pay_uri)


def _shown(order: Order, pay_uri: str) -> Order:
    """A page or a call that was asked for again is new each time, so it is shown and not kept."""
    return replace(order, pay_uri=pay_uri)


async def _fresh(business: Business, order: Order) -> Order:
    fresh = await business.store.orders.get(order.id)
    if fresh is None:
        raise InvariantBroken(f"order {order.id} vanished")
    return fresh
