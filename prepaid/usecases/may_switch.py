"""The last-moment check before a frame leaves: facts, holds, hours and generation once more (S2, S3, S6, S12)."""

from __future__ import annotations

import asyncio

import structlog

from prepaid.domain.errors import TryAgain
from prepaid.domain.ledger import Head
from prepaid.domain.notices import NoticeKind
from prepaid.domain.supply import Supply, Verb, still_right
from prepaid.ports import Business
from prepaid.usecases.authorize import site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.gather_facts import balance_facts, gather_facts
from prepaid.usecases.tell import Crossing, tell_account

log = structlog.get_logger()


async def may_switch(business: Business, meter_id: str, generation: int, *, on: bool) -> bool:
    """Whether the switch to `on` under `generation` is still right. Raises `TryAgain` when the store is in doubt.

    A refused cut that money or a hold has overtaken is decided anew at once, so that the wanted state follows.
    """
    store = business.store
    supply, meter = await asyncio.gather(store.supplies.get(meter_id), store.meters.get(meter_id))
    if supply is None or meter is None or supply.wanted.generation != generation or supply.wanted.on != on:
        return False
    if on and await _unsafe(business, supply):
        raise TryAgain("try_again.safety_unconfirmed")
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


async def _unsafe(business: Business, supply: Supply) -> bool:
    """Whether the tenant must still say that appliances are off; they are asked once for each restore."""
    site = await business.store.sites.site(supply.site_id)
    if site is None or not site.policy.ask_before_restore or supply.safe_generation == supply.wanted.generation:
        return False
    was_off = supply.reported is not None and not supply.reported.on
    account = await business.store.sites.account(supply.account_id or "")
    if account is None or not was_off:
        return False
    crossing = Crossing(NoticeKind.CONFIRM_SAFE, f"{supply.meter_id}:g{supply.wanted.generation}")
    await tell_account(business, account, site, crossing, {"meter_id": supply.meter_id})
    return True
