"""Whoever moves out agrees to the statement of their move-out, or the staff let it go on without (T5).

The agreement names the exact content by its digest, and is on record; then the credit goes back at once.
"""

from __future__ import annotations

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import Refused, Trouble, not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account
from prepaid.usecases.close_account import drive_closing
from prepaid.usecases.closing_agreement import NOT_AGREED

log = structlog.get_logger()


async def agree_closing(business: Business, actor: Actor, account_id: str, digest: str) -> Closing:
    """Records the agreement and goes on. Raises `Refused("refused.closing_changed")` for another than the present one.

    What then troubles the way back of the credit is for the sweeper: the agreement stands.
    """
    account = await reach_account(business, actor, account_id, Action.ASK_STAFF)
    closing = await business.store.closings.get(account.id)
    if closing is None or not closing.readings:
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
    return await _on(business, account.id)


async def waive_agreement(business: Business, actor: Actor, account_id: str, *, reason: str) -> Closing:
    """The staff go on without the tenant's word (it was given on paper, or nobody answers); the reason is on record.

    Raises `Refused("refused.closing_not_waiting")` where no agreement is waited for.
    """
    account = await reach_account(business, actor, account_id, Action.CLOSE_ACCOUNT)
    if not reason.strip():
        raise Refused("refused.reason_needed")
    closing = await business.store.closings.get(account.id)
    if closing is None or closing.step is not Step.BALANCING or closing.waits_for != NOT_AGREED:
        raise Refused("refused.closing_not_waiting")
    async with intent(business, actor, "waive_agreement", account.path, reason=reason, after=closing.digest):
        if not await business.store.closings.move(account.id, closing.step, closing.step, waived_by=actor.id):
            raise Refused("refused.closing_changed")
    return await _on(business, account.id)


async def _on(business: Business, account_id: str) -> Closing:
    closing = await business.store.closings.get(account_id)
    if closing is None:
        raise not_found()
    try:
        return await drive_closing(business, closing)
    except Trouble as trouble:
        log.warning("closing_waits", account=account_id, kind=type(trouble).__name__, key=trouble.key)
        return await business.store.closings.get(account_id) or closing
