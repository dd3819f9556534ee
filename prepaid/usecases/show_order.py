"""How an order stands, for the person who opened it or anybody who may pay for its account."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import not_found
from prepaid.domain.orders import Order
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account


async def show_order(business: Business, actor: Actor, order_id: str) -> Order:
    """The order. Raises `Refused("refused.not_found")` for a foreign or missing one."""
    order = await business.store.orders.get(order_id)
    if order is None:
        raise not_found()
    if order.person_id != actor.id:
        await reach_account(business, actor, order.account_id, Action.SEE_ACCOUNT)
    return order
