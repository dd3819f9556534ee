"""Group chats of the staff: one is bound to a place by a one-time code, and is told what the staff there is told.

A group is kept as somebody who may only look, so that notices find it. It never acts: whoever speaks in it acts with
their own roles, cut to the group's places, so that nobody reads there of what the group was not bound to (A2).
"""

from __future__ import annotations

from prepaid.domain.access import Actor, Grant, Role, inside, may_appoint
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.people import CODE_TRIES, CODE_TTL_S, Person, code_hash
from prepaid.ports import TOPIC_STAFF, Business
from prepaid.usecases.authorize import intent, record
from prepaid.usecases.invite_staff import invite_staff

GROUP_ROLE = Role.VIEWER


async def issue_group_code(business: Business, actor: Actor, scope: str) -> str:
    """A code that binds one group to a place, for an hour. Raises `Refused` where the actor may not appoint."""
    return await invite_staff(business, actor, GROUP_ROLE, scope, why="admin group", for_group=True)


async def bind_group(business: Business, actor: Actor, channel: str, group: str, code: str, *, chat: str) -> str:
    """Binds the group; returns its place. The code alone is not enough: the actor must be able to appoint there.

    Raises `Refused("refused.code_wrong")`, and `Refused("refused.too_many_tries")` after five tries of one chat (A5).
    """
    people, now = business.store.people, business.clock.now()
    if await people.count_try(f"chat:{chat}", now, CODE_TTL_S) > CODE_TRIES:
        await record(business, actor, "bind_group", chat, refused="refused.too_many_tries")
        raise Refused("refused.too_many_tries")
    row = await people.code(code_hash(code))
    grant = None if row is None or now >= row.expires_at or not row.for_group else row.grant
    if row is None or grant is None or not may_appoint(actor, grant):
        await record(business, actor, "bind_group", chat, refused="refused.code_wrong")
        raise Refused("refused.code_wrong")
    member = await people.at(channel, group, language=actor.language)
    if not await people.use_code(row.hash, member.id):
        await record(business, actor, "bind_group", chat, refused="refused.code_wrong")
        raise Refused("refused.code_wrong")
    async with intent(business, actor, "bind_group", grant.scope, after=f"{member.id}:{grant.role}"):
        await people.grant(member.id, grant)
    await business.wakeups.wake(TOPIC_STAFF)
    return grant.scope


async def unbind_group(business: Business, actor: Actor, channel: str, group: str) -> None:
    """Lets the group go, at once. Raises `Refused` for a group that is not bound or out of the actor's reach."""
    member = await business.store.people.known(channel, group)
    grants = member.grants if member is not None else ()
    if member is None or not grants or not all(may_appoint(actor, grant) for grant in grants):
        await record(business, actor, "unbind_group", f"{channel} group", refused="refused.not_found")
        raise not_found()
    for grant in grants:
        async with intent(business, actor, "unbind_group", grant.scope, before=f"{member.id}:{grant.role}"):
            await business.store.people.revoke(member.id, grant)
    await business.wakeups.wake(TOPIC_STAFF)


async def in_group(business: Business, actor: Actor, channel: str, group: str) -> Actor | None:
    """The actor as they may act in this group; None for a group that is nobody's."""
    member = await business.store.people.known(channel, group)
    return inside(actor, places_of(member)) if member is not None and member.grants else None


def places_of(member: Person) -> tuple[str, ...]:
    """What a group is bound to."""
    return tuple(grant.scope for grant in member.grants if isinstance(grant, Grant))
