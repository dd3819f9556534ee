"""Replays every entry and compares it with what is cached. Prints nothing: the command does."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import not_found
from prepaid.domain.ledger import Audit, Head
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes


async def audit_ledger(business: Business, actor: Actor) -> Audit:
    """The finished audit (M2, M3, M14). Staff with the audit right, or the clock, may ask."""
    if not actor.system and not scopes(actor, Action.AUDIT):
        raise not_found()
    audit = Audit()
    heads: dict[str, Head] = {}
    async for entry in business.store.ledger.replay():
        audit.feed((entry,))
        heads[entry.account_id] = audit.head
    async for account_id, cached in business.store.ledger.cached_heads():
        audit.check_cache(cached, heads.get(account_id, Head()))
    return audit
