"""Who holds which role, group chats of the staff among them, for whoever may give and take roles there (A2)."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor, Grant, covers
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes
from prepaid.usecases.name_people import place_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One role of one person, or of a group chat."""

    person_id: str
    grant: Grant
    is_group: bool = False
    place: str = ""
    """The grant's place as people call it."""


async def list_staff(business: Business, actor: Actor) -> tuple[Holder, ...]:
    """Roles on places inside the actor's reach; those that reach in from above are not theirs to see."""
    reach = scopes(actor, Action.GRANT_ROLE)
    if not reach:
        raise not_found()
    places, sites = {*reach}, await business.store.sites.sites()
    for scope in reach:
        places |= {site.path for site in sites if covers(scope, site.path)}
        accounts = await business.store.sites.accounts_below(scope)
        places |= {account.path.rsplit("/", 1)[0] for account in accounts}
    found = {
        Holder(person_id=person.id, grant=grant, is_group=person.is_group, place=place_name(grant.scope, sites))
        for place in sorted(places)
        for person in await business.store.people.staff_over(place)
        for grant in person.grants
        if any(covers(scope, grant.scope) for scope in reach)
    }
    return tuple(sorted(found, key=lambda each: (each.grant.scope, each.grant.role, each.person_id)))


async def list_groups(business: Business, actor: Actor) -> tuple[Holder, ...]:
    """The group chats that are bound to places inside the actor's reach, by place. Raises as `list_staff` does."""
    return tuple(each for each in await list_staff(business, actor) if each.is_group)
