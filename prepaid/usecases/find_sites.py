"""The sites that a member of the staff has to do with, to choose one of by name (A2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes

LEAST = 2
"""Shorter words are in too many names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A site as a person chooses it."""

    site_id: str
    name: str
    path: str
    time_zone: str


async def find_sites(business: Business, actor: Actor, text: str) -> tuple[SiteLine, ...]:
    """All sites that the actor's roles touch, or those called `text`. A foreign and a missing one answer alike."""
    reach = scopes(actor, Action.SEE_SITE)
    found = called(
        text.strip().casefold(),
        [
            SiteLine(site_id=site.id, name=site.name, path=site.path, time_zone=site.calendar.time_zone)
            for site in await business.store.sites.sites()
            if any(covers(scope, site.path) or covers(site.path, scope) for scope in reach)
        ],
    )
    if not found:
        await record(business, actor, Action.SEE_SITE, text.strip(), refused="refused.not_found")
        raise not_found()
    return tuple(sorted(found, key=lambda site: site.name))


def called(said: str, sites: Sequence[SiteLine]) -> tuple[SiteLine, ...]:
    """Those whose whole name or id it is; where there is none, whose name it is a part of, or that it names."""
    if not said:
        return tuple(sites)
    names = {site: (site.site_id.casefold(), site.name.casefold()) for site in sites}
    exact = tuple(site for site, known in names.items() if said in known)
    return exact or tuple(
        site for site, known in names.items() if any(_part(said, name) or _part(name, said) for name in known)
    )


def _part(said: str, name: str) -> bool:
    """Whole words of it, or, where words have no spaces between them, two signs and more."""
    begins, ends = (r"(?<![a-z0-9])" if said[:1].isascii() else "", r"(?![a-z0-9])" if said[-1:].isascii() else "")
    return len(said) >= LEAST and re.search(f"{begins}{re.escape(said)}{ends}", name) is not None
