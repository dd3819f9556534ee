"""A communication unit went away or came back: nothing behind it is cut while it is away (FEATURES A5)."""

from __future__ import annotations

from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.running_outage import all_in_outage
from prepaid.usecases.tell import Crossing, tell_staff


async def gateway_lost(business: Business, gateway_id: str) -> None:
    """Marks every meter behind the gateway silent and tells the staff once."""
    meters = await business.store.meters.on_gateway(gateway_id)
    now = business.clock.now()
    await business.store.meters.silent([meter.id for meter in meters], now)
    gateway = await business.store.sites.gateway(gateway_id)
    if gateway is not None and await all_in_outage(business, gateway.site_id, meters):
        return  # As announced. Whatever is still silent afterwards is told then.
    await _tell(business, gateway_id, NoticeKind.GATEWAY_DOWN)


async def gateway_found(business: Business, gateway_id: str) -> None:
    """The link is back. Meters count as heard again when they answer; the staff is told once."""
    await _tell(business, gateway_id, NoticeKind.GATEWAY_BACK)


async def _tell(business: Business, gateway_id: str, kind: NoticeKind) -> None:
    gateway = await business.store.sites.gateway(gateway_id)
    site = await business.store.sites.site(gateway.site_id) if gateway else None
    if site is None:
        return
    crossing = Crossing(kind, f"{gateway_id}:{business.clock.now().isoformat(timespec='seconds')}")
    await tell_staff(business, site, crossing, {"gateway_id": gateway_id})
