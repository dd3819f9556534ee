"""What a relay did that nobody ordered: moved by hand, welded, bypassed. Put on record, and told to the staff once."""

from __future__ import annotations

import asyncio

import structlog

from prepaid.domain.access import CLOCK
from prepaid.domain.notices import NoticeKind
from prepaid.domain.supply import Outcome, Reported, Supply
from prepaid.ports import Business
from prepaid.usecases.authorize import record
from prepaid.usecases.tell import Crossing, Params, tell_staff

log = structlog.get_logger()


async def relay_moved(business: Business, meter_id: str, generation: int, reported: Reported) -> None:
    """A relay that was confirmed is found in the other state; the bus owner puts it right."""
    supply = await business.store.supplies.get(meter_id)
    if supply is None or supply.wanted.generation != generation or supply.wanted.on == reported.on:
        return
    log.warning("relay_moved", meter=meter_id, on=reported.on, generation=generation)
    await business.store.supplies.saw(meter_id, reported)
    await record(business, CLOCK, "relay_moved", supply.path, before=_word(not reported.on), after=_word(reported.on))
    await _tell(business, supply, NoticeKind.RELAY_MOVED, f"{meter_id}:{reported.at.isoformat(timespec='seconds')}")


async def relay_bypassed(business: Business, meter_id: str, generation: int) -> None:
    """A relay says that it is off, and the load says otherwise: the cut is not confirmed (S4)."""
    supply = await business.store.supplies.get(meter_id)
    if supply is None or supply.wanted.generation != generation or supply.wanted.on:
        return
    log.warning("relay_bypassed", meter=meter_id, generation=generation)
    await business.store.supplies.attempt(meter_id, generation, Outcome.UNCONFIRMED)
    await record(business, CLOCK, "relay_bypassed", supply.path, reason=f"generation {generation}")
    await _tell(business, supply, NoticeKind.RELAY_BYPASSED, f"{meter_id}:g{generation}")


async def recuts_held(business: Business, meter_id: str, generation: int) -> None:
    """Many relays were found on that should be off: a person looks before they are cut again (S8)."""
    supply = await business.store.supplies.get(meter_id)
    if supply is None or supply.wanted.generation != generation:
        return
    log.warning("recuts_held", gateway=supply.gateway_id)
    day = f"{business.clock.now():%Y-%m-%dT%H}"
    await _tell(business, supply, NoticeKind.RECUTS_HELD, f"{supply.gateway_id}:{day}", account=False)


async def _tell(business: Business, supply: Supply, kind: NoticeKind, key: str, *, account: bool = True) -> None:
    sites = business.store.sites
    site, payer = await asyncio.gather(sites.site(supply.site_id), sites.account(supply.account_id or ""))
    if site is None:
        return
    params: Params = {"meter_id": supply.meter_id, "gateway_id": supply.gateway_id}
    await tell_staff(business, site, Crossing(kind, key), params, account=payer if account else None)


def _word(on: bool) -> str:
    return "on" if on else "off"
