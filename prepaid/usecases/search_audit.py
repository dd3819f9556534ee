"""Who did what to an account, and what was refused: the audit trail as far as the actor audits (A2, A3)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.ports import AuditRecord, Business
from prepaid.usecases.authorize import reach_account

MOST = 100


async def search_audit(business: Business, actor: Actor, account_id: str) -> tuple[AuditRecord, ...]:
    """The newest lines about the account's place or its number, newest first."""
    account = await reach_account(business, actor, account_id, Action.AUDIT)
    trail = business.store.audit
    lines = [*await trail.latest(account.path, MOST), *await trail.latest(account.id, MOST)]
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True)[:MOST])
