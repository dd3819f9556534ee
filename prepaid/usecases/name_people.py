"""Who somebody is to a member of the staff: a role and its place, or the room that they rent; never how to reach them.

No name is kept of anybody. What lies outside the asker's reach is not said: then it is somebody, told from others by
the end of their number (A2, A7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prepaid.domain.access import Action, Actor, Grant, Role, covers
from prepaid.domain.accounts import Site
from prepaid.domain.people import Person
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes

MARK_CHARS = 4
MOST_ROOMS = 3


class As(StrEnum):
    """What somebody is known as."""

    YOU = "you"
    STAFF = "staff"
    GROUP = "group"
    TENANT = "tenant"
    SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody in words: `place` is a site's name and what lies in it, or the rooms of a tenant.

    Where a role reaches in from above, its place is not said.
    """

    known_as: As
    mark: str = ""
    role: Role | None = None
    place: str = ""


async def name_people(business: Business, actor: Actor, ids: Iterable[str]) -> Mapping[str, Named]:
    """Those of the ids that are persons, as the actor may know them."""
    reach = scopes(actor, Action.SEE_SITE)
    people = await business.store.people.many(sorted(set(ids)))
    sites = await business.store.sites.sites() if people else ()
    return {person.id: await _named(business, actor, person, reach, sites) for person in people}


def place_name(scope: str, sites: Iterable[Site]) -> str:
    """A place as people call it: the site's name and what lies in it; above all sites its path."""
    site = next((each for each in sites if covers(each.path, scope)), None)
    return scope if site is None else " ".join((site.name, *scope[len(site.path) :].strip("/").split("/"))).strip()


async def _named(
    business: Business, actor: Actor, person: Person, reach: tuple[str, ...], sites: Iterable[Site]
) -> Named:
    mark = person.id[-MARK_CHARS:]
    grant, place = _grant(person, reach)
    where = place_name(place, sites) if place else ""
    if person.id == actor.id:
        return Named(known_as=As.YOU, mark=mark, role=grant.role if grant else None, place=where)
    if grant is not None:
        kind = As.GROUP if person.is_group else As.STAFF
        return Named(known_as=kind, mark=mark, role=grant.role, place=where)
    rooms = await _rooms(business, person, reach)
    if rooms:
        return Named(known_as=As.TENANT, mark=mark, place=", ".join(rooms))
    return Named(known_as=As.SOMEBODY, mark=mark)


def _grant(person: Person, reach: tuple[str, ...]) -> tuple[Grant | None, str]:
    """The highest role inside the reach and its place; else the highest that reaches in from above, without one."""
    ranks = {role: rank for rank, role in enumerate(Role)}
    grants = sorted(person.grants, key=lambda grant: (ranks[grant.role], grant.scope))
    for grant in grants:
        if any(covers(scope, grant.scope) for scope in reach):
            return grant, grant.scope
    for grant in grants:
        if any(covers(grant.scope, scope) for scope in reach):
            return grant, ""
    return None, ""


async def _rooms(business: Business, person: Person, reach: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for account_id in person.accounts[:MOST_ROOMS]:
        account = await business.store.sites.account(account_id)
        if account is not None and any(covers(scope, account.path) for scope in reach):
            found[account.label] = None
    return list(found)
