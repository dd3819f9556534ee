"""Top-ups: begun, followed up to "power is on", cancelled."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.common import from_instant_cursor, instant_cursor
from miniprogram_api.models.money import (
    FollowWish,
    OrderLine,
    OrderOut,
    OrdersOut,
    OrdersWish,
    TopUpWish,
    order_out,
    way_of,
)
from miniprogram_api.routes.logins import WECHAT_CHANNEL
from prepaid.domain.orders import Order, PayWay
from prepaid.usecases.cancel_topup import cancel_topup
from prepaid.usecases.follow_order import Progress, follow_order, shown_order
from prepaid.usecases.list_orders import list_orders
from prepaid.usecases.start_topup import start_topup


async def _start(ask: Ask) -> OrderOut:
    wish = ask.body(TopUpWish)
    way = way_of(wish.way)
    order = await start_topup(
        ask.business,
        ask.actor,
        ask.path["account_id"],
        wish.amount_fen,
        provider=wish.provider,
        way=way,
        payer=await _payer(ask, wish.provider) if way is PayWay.IN_APP else None,
        payer_ip=ask.address if way is PayWay.WAP else None,
    )
    return await _shown(ask, order)


async def _list(ask: Ask) -> OrdersOut:
    wish = ask.query(OrdersWish)
    until, skip = from_instant_cursor(wish.cursor)
    found = await list_orders(ask.business, ask.actor, ask.path["account_id"], limit=wish.limit, until=until, skip=skip)
    lines = [
        OrderLine(
            order_id=order.id,
            amount_fen=order.amount_fen,
            provider=order.provider,
            way=order.way.value,
            state=order.state,
            created_at=order.created_at,
            expires_at=order.expires_at,
            paid_at=order.paid_at,
        )
        for order in found
    ]
    more = len(found) == wish.limit
    return OrdersOut(
        orders=lines, next=instant_cursor([each.created_at for each in found], until, skip) if more else None
    )


async def _follow(ask: Ask) -> OrderOut:
    wish = ask.query(FollowWish)
    found = await follow_order(
        ask.business,
        ask.actor,
        ask.path["order_id"],
        seen=wish.seen,
        wait_s=wish.wait_s,
        stopping=ask.parts.stopping,
    )
    return order_out(found, stage_words(ask, found))


async def _cancel(ask: Ask) -> OrderOut:
    return await _shown(ask, await cancel_topup(ask.business, ask.actor, ask.path["order_id"]))


async def _shown(ask: Ask, order: Order) -> OrderOut:
    found = await shown_order(ask.business, order)
    return order_out(found, stage_words(ask, found))


async def _payer(ask: Ask, provider: str) -> str | None:
    """The person's own id at the provider: nobody says who pays, the login does."""
    if provider != "wechat_pay":
        return None
    person = await ask.business.store.people.get(ask.actor.id)
    addresses = person.addresses if person else ()
    return next((each.user for each in addresses if each.channel == WECHAT_CHANNEL), None)


def stage_words(ask: Ask, progress: Progress) -> str:
    """A stage in words."""
    return ask.parts.words.text(ask.language, f"pay.stage.{progress.stage}")


ROUTES = (
    Route(
        method="POST",
        path="/accounts/{account_id}/orders",
        name="startTopUp",
        summary="Begin a top-up; the same wish again, while it can be paid, is the same order",
        tag="orders",
        handle=_start,
        body=TopUpWish,
        answers=OrderOut,
        money=True,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/orders",
        name="listOrders",
        summary="Orders, newest first",
        tag="orders",
        handle=_list,
        query=OrdersWish,
        answers=OrdersOut,
    ),
    Route(
        method="GET",
        path="/orders/{order_id}",
        name="followOrder",
        summary="How far a payment has come; waits for news",
        tag="orders",
        handle=_follow,
        query=FollowWish,
        answers=OrderOut,
        waits_s=30.0,
    ),
    Route(
        method="DELETE",
        path="/orders/{order_id}",
        name="cancelOrder",
        summary="Take a wish to pay back; if it was paid meanwhile it is credited",
        tag="orders",
        handle=_cancel,
        answers=OrderOut,
        money=True,
    ),
)
