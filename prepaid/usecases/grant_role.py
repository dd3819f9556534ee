"""Appoints and dismisses staff: only from an enclosing subtree, never above one's own role (A2)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor, Grant, Role, covers, may_appoint
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.people import Person
from prepaid.domain.places import check_path
from prepaid.ports import TOPIC_STAFF, Business
from prepaid.usecases.authorize import intent, record


async def grant_role(business: Business, actor: Actor, person_id: str, role: Role, scope: str, *, why: str) -> Person:
    """Gives the person a role on a subtree. Out of reach and missing answer alike (A1)."""
    grant = await _check(business, actor, person_id, Grant(role, check_path(scope)))
    async with intent(business, actor, Action.GRANT_ROLE, scope, reason=why, after=f"{person_id}:{role}"):
        if not await business.store.people.grant(person_id, grant):
            raise not_found()
    await business.wakeups.wake(TOPIC_STAFF)
    return await _person(business, person_id)


async def revoke_role(business: Business, actor: Actor, person_id: str, role: Role, scope: str, *, why: str) -> Person:
    """Takes a role away; in force with the person's next message. The last owner of a place stays."""
    grant = await _check(business, actor, person_id, Grant(role, check_path(scope)))
    if grant not in (await _person(business, person_id)).grants:
        raise not_found()
    if role is Role.OWNER and not await _another_owner(business, person_id, scope):
        raise Refused("refused.last_owner")
    async with intent(business, actor, "revoke_role", scope, reason=why, before=f"{person_id}:{role}"):
        await business.store.people.revoke(person_id, grant)
    await business.wakeups.wake(TOPIC_STAFF)
    return await _person(business, person_id)


async def _check(business: Business, actor: Actor, person_id: str, grant: Grant) -> Grant:
    if may_appoint(actor, grant) and await business.store.people.get(person_id) is not None:
        return grant
    await record(business, actor, Action.GRANT_ROLE, grant.scope, after=person_id, refused="refused.not_found")
    raise not_found()


async def _another_owner(business: Business, person_id: str, scope: str) -> bool:
    staff = await business.store.people.staff_over(scope)
    others = (grant for person in staff if person.id != person_id for grant in person.grants)
    return any(grant.role is Role.OWNER and covers(grant.scope, scope) for grant in others)


async def _person(business: Business, person_id: str) -> Person:
    person = await business.store.people.get(person_id)
    if person is None:
        raise not_found()
    return person
