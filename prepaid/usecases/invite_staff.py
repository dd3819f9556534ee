"""Makes somebody staff who is not yet known: a one-time code that gives a role to whoever types it first (A2, A5)."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.access import Action, Actor, Grant, Role, may_appoint
from prepaid.domain.errors import not_found
from prepaid.domain.people import INVITATION_TTL_S, BindCode, code_hash, new_code
from prepaid.domain.places import check_path
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, record


async def invite_staff(
    business: Business, actor: Actor, role: Role, scope: str, *, why: str = "", for_group: bool = False
) -> str:
    """A fresh code, valid for an hour and one person, or one group. Only its hash is stored.

    Raises `Refused` where the actor may not appoint to that role and place.
    """
    grant = Grant(role, check_path(scope))
    if not (actor.system or may_appoint(actor, grant)):
        await record(business, actor, Action.GRANT_ROLE, scope, after=role, refused="refused.not_found")
        raise not_found()
    code = new_code()
    expires_at = business.clock.now() + timedelta(seconds=INVITATION_TTL_S)
    row = BindCode(hash=code_hash(code), grant=grant, for_group=for_group, expires_at=expires_at, issued_by=actor.id)
    async with intent(business, actor, "invite_staff", scope, reason=why, after=role):
        await business.store.people.add_code(row)
    return code
