"""Whether a place is without its supply because of works that were announced (S13, N2)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.metering import Meter
from prepaid.domain.outages import AFTERWARDS, Outage
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business

MOST = 100


async def running_outage(business: Business, site_id: str, path: str, utility: Utility | None = None) -> Outage | None:
    """The outage in which a place is now; None when its supply should be there."""
    now = business.clock.now()
    return next((outage for outage in await _planned(business, site_id) if outage.runs(now, path, utility)), None)


async def all_in_outage(business: Business, site_id: str, meters: Sequence[Meter]) -> bool:
    """Whether each of them is without electricity by one. A gateway has the same mains as what it reads, even water."""
    now, planned = business.clock.now(), await _planned(business, site_id)
    return bool(meters) and all(
        any(outage.runs(now, meter.path, Utility.ELECTRICITY) for outage in planned) for meter in meters
    )


async def _planned(business: Business, site_id: str) -> Sequence[Outage]:
    return await business.store.outages.at_site(site_id, business.clock.now() - AFTERWARDS, MOST)
