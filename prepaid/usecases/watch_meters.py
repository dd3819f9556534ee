"""What the store knows of the meters of a gateway, or of one meter: asked again and again for a live table."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Supply
from prepaid.ports import Business
from prepaid.usecases.reach_meter import reach_meter


async def watch_meters(business: Business, actor: Actor, name: str) -> Sequence[tuple[Meter, Supply | None]]:
    """The meters of the gateway, or the meter, of that name, with their supplies. Nothing is asked of the bus."""
    gateway = await business.store.sites.gateway(name)
    site = None if gateway is None else await business.store.sites.site(gateway.site_id)
    if gateway is not None and site is not None and may(actor, Action.SEE_SITE, Subject(site.path)):
        meters = await business.store.meters.on_gateway(gateway.id)
        supplies = {supply.meter_id: supply for supply in await business.store.supplies.on_gateway(gateway.id)}
        return [(meter, supplies.get(meter.id)) for meter in meters]
    meter = await reach_meter(business, actor, name, Action.SEE_SITE)
    return [(meter, await business.store.supplies.get(meter.id))]
