"""Decides anew for every supply that is off by rule: the safety net under every path that restores (S1, S13)."""

from __future__ import annotations

import structlog

from prepaid.domain.errors import Trouble
from prepaid.ports import Business
from prepaid.usecases.decide_supply import decide_supply

log = structlog.get_logger()

BATCH = 1000


async def review_supplies(business: Business) -> int:
    """Returns how many accounts were looked at. One account's trouble does not hold up the others."""
    supplies = await business.store.supplies.wanted_off(BATCH)
    accounts = sorted({supply.account_id for supply in supplies if supply.account_id})
    for account_id in accounts:
        try:
            await decide_supply(business, account_id)
        except Trouble as trouble:
            log.warning("supply_review_waits", account=account_id, kind=type(trouble).__name__, key=trouble.key)
    return len(accounts)
