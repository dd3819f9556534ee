"""The newest orders of an account: what waits to be paid, what came of the others."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.orders import Order
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account

MOST = 50


async def list_orders(
    business: Business,
    actor: Actor,
    account_id: str,
    *,
    limit: int = 10,
    until: datetime | None = None,
    skip: int = 0,
) -> tuple[Order, ...]:
    """Newest first, at most `limit` (up to 50).

    A page goes on where the one before ended: at the instant `until`, of whose orders `skip` were shown.
    """
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    most = min(max(limit, 1), MOST) + min(skip, MOST)
    return tuple(await business.store.orders.of_account(account.id, most, until=until))[skip:]
