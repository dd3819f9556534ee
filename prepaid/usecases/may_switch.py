"""The last-moment check before a frame leaves: facts, holds, hours and generation once more (S2, S3, S6, S12)."""

from __future__ import annotations

import asyncio

import structlog

from prepaid.domain.ledger import Head
from prepaid.domain.supply import Verb, still_right
from prepaid.ports import Business
from prepaid.usecases.authorize import site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.gather_facts import balance_facts, gather_facts

log = structlog.get_logger()


async def may_switch(business: Business, meter_id: str, generation: int, *, on: bool) -> bool:
    """Whether the switch to `on` under `generation` is still right. Raises `TryAgain` when the store is in doubt.

    A refused cut that money or a hold has overtaken is decided anew at once, so that the wanted state follows.
    """
    store = business.store
    supply, meter = await asyncio.gather(store.supplies.get(meter_id), store.meters.get(meter_id))
    if supply is None or meter is None or supply.wanted.generation != generation or supply.wanted.on != on:
        return False
    account, site = await asyncio.gather(store.sites.account(supply.account_id or ""), store.sites.site(supply.site_id))
    if account is None:
        return on
    if site is None or site.id != account.site_id:
        site = await site_of(business, account)
    # Nothing but a hold speaks against switching on, so only a cut asks for more.
    facts = balance_facts(account, Head(), supply) if on else await gather_facts(business, account, site, meter, supply)
    verdict = still_right(facts, site.policy, site.calendar, business.clock.now(), on=on)
    if verdict.verb is (Verb.RESTORE if on else Verb.CUT):
        return True
    log.info("switch_held_back", meter=meter_id, on=on, rule=verdict.rule, generation=generation)
    if verdict.verb is Verb.RESTORE:
        await decide_supply(business, account.id)
    return False
