"""Applies the supply policy to an account's meters: warns, or sets the state that the bus owner must bring about."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from prepaid.domain.access import CLOCK
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Head
from prepaid.domain.notices import NoticeKind, Stage
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.supply import DOUBT_SYSTEM, Facts, Supply, Verb, Verdict, Wanted, decide
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.authorize import record, site_of
from prepaid.usecases.gather_facts import balance_facts, gather_facts, warning_crossing
from prepaid.usecases.settle_emergency import settle_emergency
from prepaid.usecases.tell import Crossing, Params, Place, tell_account, tell_thread, utility_of

log = structlog.get_logger()


async def decide_supply(business: Business, account_id: str, *, place: Place | None = None) -> tuple[Verdict, ...]:
    """Decides for every meter of the account and acts on it. Safe to repeat: the same facts give the same state."""
    account, site = place or await _place(business, account_id)
    head, supplies = await asyncio.gather(
        business.store.ledger.head(account_id), business.store.supplies.of_account(account_id)
    )
    if account.emergency_micro > 0:
        await settle_emergency(business, account, head)
    return tuple([await _one(business, account, site, head, supply) for supply in supplies])


async def _place(business: Business, account_id: str) -> Place:
    account = await business.store.sites.account(account_id)
    if account is None:
        raise InvariantBroken(f"no account {account_id}")
    return account, await site_of(business, account)


async def _verdict(
    business: Business, account: Account, site: Site, head: Head, supply: Supply
) -> tuple[Facts, Verdict]:
    """Most often holds and the balance say it all; only what may become a cut needs every fact."""
    facts, now = balance_facts(account, head, supply), business.clock.now()
    verdict = decide(facts, site.policy, site.calendar, now)
    if verdict.rule != DOUBT_SYSTEM:
        return facts, verdict
    meter = await business.store.meters.get(supply.meter_id)
    if meter is None:
        raise InvariantBroken(f"supply {supply.meter_id} has no meter")
    facts = await gather_facts(business, account, site, meter, supply)
    return facts, decide(facts, site.policy, site.calendar, business.clock.now())


async def _one(business: Business, account: Account, site: Site, head: Head, supply: Supply) -> Verdict:
    facts, verdict = await _verdict(business, account, site, head, supply)
    if verdict.verb is Verb.WARN:
        await _warn(business, account, site, facts, verdict)
    elif verdict.verb is Verb.CUT:
        await _want(business, supply, verdict, on=False, cause="")
    elif verdict.verb is Verb.RESTORE:
        order = await _paying_order(business, account)
        if order is not None:
            params: Params = {"balance_micro": facts.balance_micro}
            await tell_thread(business, order, Stage.SWITCHING, params, place=(account, site))
        await _want(business, supply, verdict, on=True, cause=order.id if order else "")
    return verdict


async def _warn(business: Business, account: Account, site: Site, facts: Facts, verdict: Verdict) -> None:
    """Gives the rung of the notice ladder that is due."""
    head = await business.store.ledger.head(account.id)
    params: Params = {
        "balance_micro": facts.balance_micro,
        "cut_at": verdict.cut_at.isoformat() if verdict.cut_at else None,
        "utility": await utility_of(business, account, facts.supply.meter_id),
    }
    crossing = Crossing(NoticeKind.BALANCE_GONE, warning_crossing(head, account, verdict.rung))
    await tell_account(business, account, site, crossing, params)


async def _want(business: Business, supply: Supply, verdict: Verdict, *, on: bool, cause: str) -> None:
    wanted = Wanted(
        on=on,
        generation=supply.wanted.generation + 1,
        reason=verdict.rule,
        at=business.clock.now(),
        cause=cause,
    )
    if not await business.store.supplies.want(supply.meter_id, supply.wanted.generation, wanted):
        return  # Somebody newer decided; their generation wins (S6).
    log.info("supply_wanted", meter=supply.meter_id, on=on, rule=verdict.rule, generation=wanted.generation)
    await business.wakeups.wake(topic_gateway(supply.gateway_id))
    before, after = ("on", "off") if not on else ("off", "on")
    await record(business, CLOCK, "want_supply", supply.path, reason=verdict.rule, before=before, after=after)


async def _paying_order(business: Business, account: Account) -> Order | None:
    """The order whose credit most likely brought the supply back: the newest credited one."""
    orders = await business.store.orders.of_account(account.id, limit=5)
    recent = business.clock.now() - timedelta(hours=1)
    credited = (OrderState.CREDITED, OrderState.PAID)
    return next((o for o in orders if o.state in credited and o.paid_at and o.paid_at >= recent), None)
