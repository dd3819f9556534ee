"""How far a payment has come, up to "power is on", waiting a while for news if there is none yet (N3).

The stages are those of the payer's thread in chat: what was told there is what a page or a program sees.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import NoticeKind, Stage, notice_id
from prepaid.domain.orders import OPEN, Order, OrderState
from prepaid.domain.pay_links import unseal
from prepaid.ports import Business, topic_order
from prepaid.usecases.show_order import show_order

WAIT_S_MAX = 25.0
LOOK_EVERY_S = 2.0
"""A hint may be lost, so whoever waits looks by himself now and then (Y2)."""
_LONG_AGO = datetime.fromtimestamp(0, UTC)
_LAST = (Stage.POWER_ON, Stage.CREDITED_STILL_ON)
_ENDED = {OrderState.EXPIRED: Stage.EXPIRED, OrderState.DISPUTED: Stage.DISPUTED}
_PAID = (Stage.STUCK, Stage.SWITCHING, Stage.CREDITED, Stage.PAID)
"""Of several that were told, the first of these holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """An order and its stage; `ended` when there will be no more news."""

    order: Order
    stage: Stage

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, as far as anybody can say."""
        return self.stage in (*_LAST, Stage.EXPIRED, Stage.DISPUTED) or self.order.state in (
            OrderState.REFUNDING,
            OrderState.REFUNDED,
        )


async def follow_order(
    business: Business,
    actor: Actor,
    order_id: str,
    *,
    seen: str | None = None,
    wait_s: float = 0,
    stopping: asyncio.Event | None = None,
) -> Progress:
    """The order's progress; with `seen`, waits up to `wait_s` for another stage. Foreign and missing answer alike.

    Whoever waits is answered with what there is once `stopping` is set.
    """
    order = await show_order(business, actor, order_id)
    return await _news(business, order, seen, wait_s, stopping)


async def shown_order(business: Business, order: Order) -> Progress:
    """The progress of an order that the caller was just given, as it was given."""
    return Progress(order=order, stage=await _stage(business, order))


async def follow_pay_link(
    business: Business,
    token: str,
    *,
    seen: str | None = None,
    wait_s: float = 0,
    stopping: asyncio.Event | None = None,
) -> Progress | None:
    """The progress of the link's order, None before there is one; also after the link's end, for whoever paid by it."""
    if not business.link_key:
        raise Refused("refused.pay_links_off")
    link = await business.store.pay_links.get(unseal(business.link_key, token, _LONG_AGO))
    if link is None:
        raise Refused("refused.pay_link_unknown")
    order = await business.store.orders.get(link.order_id) if link.order_id else None
    return None if order is None else await _news(business, order, seen, wait_s, stopping)


async def _news(
    business: Business, order: Order, seen: str | None, wait_s: float, stopping: asyncio.Event | None
) -> Progress:
    end_s = business.clock.monotonic() + min(wait_s, WAIT_S_MAX)
    async with business.wakeups.waiter(topic_order(order.id)) as waiter:
        while True:
            found = await _progress(business, order.id)
            left_s = end_s - business.clock.monotonic()
            if (
                seen is None
                or found.stage != seen
                or found.ended
                or left_s <= 0
                or (stopping is not None and stopping.is_set())
            ):
                return found
            await waiter.wait(min(left_s, LOOK_EVERY_S))


async def _progress(business: Business, order_id: str) -> Progress:
    order = await business.store.orders.get(order_id)
    if order is None:
        raise not_found()
    return Progress(order=order, stage=await _stage(business, order))


async def _stage(business: Business, order: Order) -> Stage:
    if order.state in OPEN:
        return Stage.WAITING
    if order.state in _ENDED:
        return _ENDED[order.state]
    ids = {
        notice_id(NoticeKind.PAYMENT_THREAD, order.account_id, f"{order.id}:{stage}", order.person_id): stage
        for stage in (*_LAST, *_PAID)
    }
    told = {ids[each] for each in await business.store.notices.among(tuple(ids))}
    credited = Stage.PAID if order.state is OrderState.PAID else Stage.CREDITED
    return next((stage for stage in (*_LAST, *_PAID) if stage in told and stage is not Stage.PAID), credited)
