"""The person takes a wish to pay back."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.orders import OPEN, Order, OrderState
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account
from prepaid.usecases.close_order import close_order


async def cancel_topup(business: Business, actor: Actor, order_id: str) -> Order:
    """Closes the order at the provider and here. If it was paid meanwhile it is credited and returned as it stands.

    Money that comes for it afterwards still reaches the account (M8). Raises `Refused("refused.not_found")` for a
    foreign or missing order (A1), and for one that is past being cancelled.
    """
    order = await business.store.orders.get(order_id)
    if order is None:
        raise not_found()
    if order.person_id != actor.id:
        await reach_account(business, actor, order.account_id, Action.TOP_UP)
    if order.state is OrderState.EXPIRED:
        return order
    if order.state not in OPEN:
        raise Refused("refused.order_edge")
    return await close_order(business, order)
