"""The sites that a member of the staff has to do with, to choose one of by name (A2)."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A site as a person chooses it."""

    site_id: str
    name: str
    path: str
    time_zone: str


async def find_sites(business: Business, actor: Actor, text: str) -> tuple[SiteLine, ...]:
    """All sites that the actor's roles touch, or those called `text`. A foreign and a missing one answer alike."""
    reach, wanted = scopes(actor, Action.SEE_SITE), text.strip().casefold()
    found = tuple(
        SiteLine(site_id=site.id, name=site.name, path=site.path, time_zone=site.calendar.time_zone)
        for site in await business.store.sites.sites()
        if any(covers(scope, site.path) or covers(site.path, scope) for scope in reach)
        and wanted in ("", site.id.casefold(), site.name.casefold())
    )
    if not found:
        await record(business, actor, Action.SEE_SITE, text.strip(), refused="refused.not_found")
        raise not_found()
    return tuple(sorted(found, key=lambda site: site.name))
