"""After works on the mains the staff hear what was kept from them meanwhile and still is so: nothing else (A5, N1)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import covers
from prepaid.domain.accounts import Site
from prepaid.domain.metering import Meter
from prepaid.domain.notices import NoticeKind
from prepaid.domain.outages import Outage
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, tell_staff


async def tell_still_silent(business: Business, site: Site, outage: Outage) -> None:
    """Whole gateways as one message, else single meters; each silence once, also where works overlap."""
    gateways = {meter.gateway_id for meter in await business.store.meters.below(outage.path)}
    for gateway_id in sorted(gateways):
        # All of the gateway's meters, also those outside: one that answers says that the gateway is there.
        meters = await business.store.meters.on_gateway(gateway_id)
        held = _held_back(outage, meters)
        if held and len(meters) > 1 and all(meter.silent_since is not None for meter in meters):
            crossing = Crossing(NoticeKind.GATEWAY_DOWN, f"{gateway_id}:{_began(held[0])}")
            await tell_staff(business, site, crossing, {"gateway_id": gateway_id})
            continue
        for meter in held:
            crossing = Crossing(NoticeKind.METER_DOWN, f"{meter.id}:{_began(meter)}")
            account = await business.store.sites.account(meter.account_id) if meter.account_id else None
            await tell_staff(business, site, crossing, {"meter_id": meter.id}, account=account)


def _held_back(outage: Outage, meters: Sequence[Meter]) -> list[Meter]:
    """Those whose silence nobody was told of. A gateway without electricity took its water meters with it."""
    inside = [meter for meter in meters if covers(outage.path, meter.path)]
    whole = len(inside) == len(meters) and Utility.ELECTRICITY in outage.utilities
    return [
        meter
        for meter in inside
        if outage.held_back(meter.silent_since) and (whole or meter.utility in outage.utilities)
    ]


def _began(meter: Meter) -> str:
    return "" if meter.silent_since is None else meter.silent_since.isoformat(timespec="seconds")
