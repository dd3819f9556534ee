"""The newest entries of an account."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.ledger import Entry
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account

MOST = 100


async def show_history(
    business: Business, actor: Actor, account_id: str, *, limit: int = 10, before_seq: int | None = None
) -> tuple[Entry, ...]:
    """Newest first, at most `limit` (up to 100), from the one before `before_seq` on if it is given."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    return tuple(await business.store.ledger.latest(account.id, min(max(limit, 1), MOST), before_seq=before_seq))
