"""A site's prices for whoever has a role in it: what holds and what is to come (P5, A2)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes
from prepaid.usecases.draft_tariff import SiteTariffs, sheets_of


async def show_site_prices(business: Business, actor: Actor, site_id: str) -> SiteTariffs:
    """Each list in force and the versions that follow it. A role on a part of the site is enough: it pays the same.

    Raises `Refused`, a foreign site and a missing one alike.
    """
    site = await business.store.sites.site(site_id)
    reach = scopes(actor, Action.SEE_SITE)
    if site is None or not any(covers(scope, site.path) or covers(site.path, scope) for scope in reach):
        await record(business, actor, Action.SEE_SITE, site_id, refused="refused.not_found")
        raise not_found()
    return sheets_of(site, business.clock.now(), past=False)
