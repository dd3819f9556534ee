"""The last-moment check before a frame leaves: facts, holds, hours and generation once more (S2, S3, S6, S12)."""

from __future__ import annotations

import structlog

from prepaid.domain.supply import Verb, still_right
from prepaid.ports import Business
from prepaid.usecases.authorize import site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.gather_facts import gather_facts

log = structlog.get_logger()


async def may_switch(business: Business, meter_id: str, generation: int, *, on: bool) -> bool:
    """Whether the switch to `on` under `generation` is still right. Raises `TryAgain` when the store is in doubt.

    A refused cut that money or a hold has overtaken is decided anew at once, so that the wanted state follows.
    """
    store = business.store
    supply, meter = await store.supplies.get(meter_id), await store.meters.get(meter_id)
    if supply is None or meter is None or supply.wanted.generation != generation or supply.wanted.on != on:
        return False
    account = await store.sites.account(supply.account_id) if supply.account_id else None
    if account is None:
        return on
    site = await site_of(business, account)
    facts = await gather_facts(business, account, site, meter, supply)
    verdict = still_right(facts, site.policy, site.calendar, business.clock.now(), on=on)
    if verdict.verb is (Verb.RESTORE if on else Verb.CUT):
        return True
    log.info("switch_held_back", meter=meter_id, on=on, rule=verdict.rule, generation=generation)
    if verdict.verb is Verb.RESTORE:
        await decide_supply(business, account.id)
    return False
