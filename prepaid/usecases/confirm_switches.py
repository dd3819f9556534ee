"""Relay commands of which nobody said what became of them: they end unconfirmed, with somebody told (S4).

Whoever owns a bus reads each command back and says so (`record_switch`). Where nobody owns it, because no worker runs
or the one that did is gone, the command would stay pending for ever and nobody would know.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from prepaid.domain.errors import Trouble
from prepaid.domain.supply import HoldKind, Supply
from prepaid.ports import Business
from prepaid.usecases.record_switch import STUCK_AFTER, record_switch

log = structlog.get_logger()

LONG = timedelta(minutes=5)
"""A bus that has an owner answers sooner, also when many supplies come back one after the other."""
LOOK_BACK = timedelta(days=7)
BATCH = 500


async def confirm_switches(business: Business) -> int:
    """Returns how many commands were found without an answer. One supply's trouble does not hold up the others."""
    now, found = business.clock.now(), 0
    for site in await business.store.sites.sites():
        silent = await business.store.supplies.unanswered(site.id, now - LOOK_BACK, now - LONG, STUCK_AFTER, BATCH)
        for supply in silent:
            if not _tagged(supply):
                found += await _one(business, supply)
    return found


def _tagged(supply: Supply) -> bool:
    """A maintenance tag keeps the relay from being switched at all (S12)."""
    return supply.hold is not None and supply.hold.kind is HoldKind.OFF


async def _one(business: Business, supply: Supply) -> int:
    try:
        await record_switch(business, supply.meter_id, supply.wanted.generation, None)
    except Trouble as trouble:
        log.warning("switch_waits", meter=supply.meter_id, kind=type(trouble).__name__, key=trouble.key)
        return 0
    return 1
