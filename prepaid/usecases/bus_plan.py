"""What the owner of a bus needs to know: its meters and the states they should be in."""

from __future__ import annotations

import asyncio

from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.pace_reads import pace_reads
from prepaid.usecases.views import BusPlan


async def bus_plan(business: Business, gateway_id: str) -> BusPlan:
    """The plan of one gateway. Raises `Refused("refused.not_found")` for a gateway that was removed."""
    store = business.store
    gateway, meters, supplies = await asyncio.gather(
        store.sites.gateway(gateway_id), store.meters.on_gateway(gateway_id), store.supplies.on_gateway(gateway_id)
    )
    site = await store.sites.site(gateway.site_id) if gateway else None
    if gateway is None or site is None:
        raise not_found()
    restoring = any(each.wanted.on and each.reported is not None and not each.reported.on for each in supplies)
    paces = await pace_reads(business, site, meters)
    return BusPlan(
        gateway=gateway,
        meters=tuple(meters),
        supplies={supply.meter_id: supply for supply in supplies},
        command_ttl_s=site.policy.command_ttl_s,
        policy=site.policy,
        time_zone=site.calendar.time_zone,
        restores_open=await store.supplies.restores_open(site.id) if restoring else 0,
        near_zero={meter_id: pace.every_s for meter_id, pace in paces.items() if pace.near_zero},
    )
