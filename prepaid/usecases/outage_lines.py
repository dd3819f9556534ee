"""Planned outages as people see them: where, in the words of the place, and whether one may call them off (A2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.outages import Outage
from prepaid.ports import Business

MOST = 50
LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageLine:
    """One that is not over. `place` is the site's name and the part of it."""

    outage: Outage
    place: str
    time_zone: str
    may_call_off: bool


async def outage_lines(business: Business, actor: Actor) -> Sequence[OutageLine]:
    """The next to begin first: those of the staff's places, and those that touch a tenant's own accounts."""
    own = [account.path for account in await business.store.sites.accounts(sorted(actor.accounts))]
    planned = await business.store.outages.ending_after(business.clock.now(), LOOKED_AT)
    seen = [each for each in planned if each.called_off_at is None and _touches(actor, own, each)]
    sites = {site.id: site for site in await business.store.sites.sites()} if seen else {}
    return [
        OutageLine(
            outage=outage,
            place=site.place_name(outage.path),
            time_zone=site.calendar.time_zone,
            may_call_off=may(actor, Action.BROADCAST, Subject(outage.path)),
        )
        for outage in sorted(seen, key=lambda each: each.since)[:MOST]
        if (site := sites.get(outage.site_id)) is not None
    ]


def _touches(actor: Actor, own: Sequence[str], outage: Outage) -> bool:
    if any(covers(outage.path, path) for path in own) or may(actor, Action.SEE_SITE, Subject(outage.path)):
        return True
    return any(
        covers(outage.path, grant.scope) and may(actor, Action.SEE_SITE, Subject(grant.scope)) for grant in actor.grants
    )
