"""The payments of an account that something can still be given back of, newest first (M10)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.orders import Order
from prepaid.domain.refunds import left_fen
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account

MOST = 50


async def refundable(business: Business, actor: Actor, account_id: str) -> tuple[Order, ...]:
    """Whoever may refund sees them; what is left of each is `left_fen`."""
    account = await reach_account(business, actor, account_id, Action.REFUND)
    orders = await business.store.orders.of_account(account.id, MOST)
    return tuple(order for order in orders if left_fen(order) > 0)
