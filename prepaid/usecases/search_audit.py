"""Who did what to an account, and what was refused: the audit trail as far as the actor audits (A2, A3)."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.ports import AuditRecord, Business
from prepaid.usecases.authorize import reach_account
from prepaid.usecases.inspect_places import SKIP_MOST

MOST = 100


async def search_audit(
    business: Business,
    actor: Actor,
    account_id: str,
    *,
    limit: int = MOST,
    until: datetime | None = None,
    skip: int = 0,
) -> tuple[AuditRecord, ...]:
    """The newest lines about the account's place or its number, newest first.

    A page goes on where the one before ended: at the instant `until`, of whose lines `skip` were shown.
    """
    account = await reach_account(business, actor, account_id, Action.AUDIT)
    trail, most = business.store.audit, min(limit, MOST) + min(skip, SKIP_MOST)
    lines = [line for about in (account.path, account.id) for line in await trail.latest(about, most, until=until)]
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True)[skip:most])
