"""Replays every entry and holds it against what is cached and kept of midnight. Prints nothing: the command does."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import not_found
from prepaid.domain.ledger import Audit, Head
from prepaid.domain.snapshots import Held, Snapshot
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes


async def audit_ledger(business: Business, actor: Actor) -> Audit:
    """The finished audit (M2, M3, M14). Staff with the audit right, or the clock, may ask."""
    if not actor.system and not scopes(actor, Action.AUDIT):
        raise not_found()
    audit = Audit()
    heads: dict[str, Head] = {}
    held = Held(await _midnights(business))
    async for entry in business.store.ledger.replay():
        audit.feed((entry,))
        held.feed(entry)
        heads[entry.account_id] = audit.head
    async for account_id, cached in business.store.ledger.cached_heads():
        audit.check_cache(cached, heads.get(account_id, Head()))
    audit.mismatches += held.broken()
    return audit


async def _midnights(business: Business) -> list[Snapshot]:
    """What the last midnight of each site looked like then."""
    found: list[Snapshot] = []
    for site in await business.store.sites.sites():
        day = await business.store.snapshots.newest_day(site.id)
        found += await business.store.snapshots.of_day(site.id, day) if day is not None else []
    return found
