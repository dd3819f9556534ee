"""Whoever moves out agrees to the final readings and the statement of their move-out (T5).

The agreement names the exact content by its digest. It is on record; it holds nothing up, because a tenant who is gone
would otherwise never get their credit back.
"""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.closing import Closing
from prepaid.domain.errors import Refused, not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account


async def agree_closing(business: Business, actor: Actor, account_id: str, digest: str) -> Closing:
    """Records the agreement. Raises `Refused("refused.closing_changed")` for another content than the present one."""
    account = await reach_account(business, actor, account_id, Action.ASK_STAFF)
    closing = await business.store.closings.get(account.id)
    if closing is None:
        raise not_found()
    if not closing.readings:
        raise Refused("refused.closing_not_ready")
    if digest != closing.digest:
        raise Refused("refused.closing_changed")
    if closing.agreed_digest == digest:
        return closing
    now = business.clock.now()
    async with intent(business, actor, "agree_closing", account.path, after=digest):
        moved = await business.store.closings.move(
            account.id, closing.step, closing.step, agreed_by=actor.id, agreed_at=now, agreed_digest=digest
        )
        if not moved:
            raise Refused("refused.closing_changed")
    return await business.store.closings.get(account.id) or closing
