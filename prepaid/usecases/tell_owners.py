"""Tells owners of what concerns the whole installation: each person once, however many sites are theirs."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Role
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, Params, tell_persons


async def tell_owners(business: Business, crossings: Sequence[tuple[Crossing, Params]]) -> int:
    """Returns how many messages are new. A person hears it in the name of the first of their sites."""
    told, new = set[str](), 0
    for site in sorted(await business.store.sites.sites(), key=lambda site: site.id):
        people = await business.store.people.staff_over(site.path)
        owners = [each.id for each in people if any(grant.role is Role.OWNER for grant in each.grants)]
        fresh = [person_id for person_id in owners if person_id not in told]
        told.update(fresh)
        for crossing, params in crossings:
            new += await tell_persons(business, site, fresh, crossing, params)
    return new
