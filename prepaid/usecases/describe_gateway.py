"""Staff say how a gateway is reached. The worker that owns it takes the new description within seconds."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import not_found
from prepaid.domain.metering import Gateway
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_place, record


async def describe_gateway(business: Business, actor: Actor, gateway: Gateway) -> None:
    """Creates or replaces the gateway. Raises `Refused` for a site out of reach; a gateway never changes its site."""
    site = await business.store.sites.site(gateway.site_id)
    stored = await business.store.sites.gateway(gateway.id)
    if site is None or (stored is not None and stored.site_id != site.id):
        await record(business, actor, "describe_gateway", gateway.id, refused="refused.not_found")
        raise not_found()
    await reach_place(business, actor, site.path, Action.ASSIGN_METER, named=gateway.id)
    before = stored.transport if stored is not None else ""
    async with intent(
        business, actor, "describe_gateway", f"{site.path}:{gateway.id}", before=before, after=gateway.transport
    ):
        await business.store.sites.save_gateway(gateway)
