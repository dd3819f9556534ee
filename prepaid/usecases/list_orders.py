"""The newest orders of an account: what waits to be paid, what came of the others."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.orders import Order
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account

MOST = 50


async def list_orders(business: Business, actor: Actor, account_id: str, *, limit: int = 10) -> tuple[Order, ...]:
    """Newest first, at most `limit` (up to 50)."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    return tuple(await business.store.orders.of_account(account.id, min(max(limit, 1), MOST)))
