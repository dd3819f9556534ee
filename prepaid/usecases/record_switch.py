"""What became of a relay command: confirmed by read-back, or unconfirmed with somebody told (S4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.notices import NoticeKind, Stage
from prepaid.domain.supply import Outcome, Reported, Supply
from prepaid.ports import Business, topic_site
from prepaid.usecases.authorize import site_of
from prepaid.usecases.gather_facts import day_of
from prepaid.usecases.running_outage import running_outage
from prepaid.usecases.stuck_payment import escalate, power_is_back
from prepaid.usecases.tell import Crossing, Params, tell_account, tell_staff, tell_thread, utility_of

log = structlog.get_logger()

STUCK_AFTER = 3
"""Tries that fail before people are told that a switch is stuck."""


async def record_switch(business: Business, meter_id: str, generation: int, reported: Reported | None) -> None:
    """Stores the read-back of `generation` (None: not readable) and tells people. Older generations are ignored."""
    supply = await business.store.supplies.get(meter_id)
    if supply is None or supply.wanted.generation != generation:
        return
    if reported is not None and (reported.on == supply.wanted.on or (supply.wanted.on and reported.waits)):
        await _confirmed(business, supply, reported)
    else:
        await _unconfirmed(business, supply, reported)


async def _confirmed(business: Business, supply: Supply, reported: Reported) -> None:
    account, site = await _whose(business, supply)
    operated = supply.reported is None or supply.reported.on != reported.on
    day = day_of(site, reported.at) if site else f"{reported.at:%Y-%m-%d}"
    if account is not None and site is not None and supply.wanted.generation > 0:
        # Told before it is recorded: dying in between repeats the recording, and the words are keyed.
        await _tell_done(business, account, site, supply, reported)
    stored = await business.store.supplies.record(
        supply.meter_id,
        supply.wanted.generation,
        reported,
        Outcome.WAITING if reported.waits else Outcome.CONFIRMED,
        operated=operated,
        day=day,
    )
    if stored:
        log.info("supply_switched", meter=supply.meter_id, on=reported.on, generation=supply.wanted.generation)
        await business.wakeups.wake(topic_site(supply.site_id))


async def _tell_done(business: Business, account: Account, site: Site, supply: Supply, reported: Reported) -> None:
    head, order = await asyncio.gather(
        business.store.ledger.head(account.id), business.store.orders.get(supply.wanted.cause)
    )
    params: Params = {
        "balance_micro": head.balance_micro,
        "at": reported.at.isoformat(),
        "utility": await utility_of(business, account, supply.meter_id),
    }
    if reported.waits:
        await tell_account(business, account, site, _crossing(NoticeKind.PRESS_BUTTON, supply), params)
        return
    if order is not None and reported.on:
        await tell_thread(business, order, Stage.POWER_ON, params, place=(account, site))
    if reported.on:
        await power_is_back(business, account, site, supply, params)
    kind = NoticeKind.RESTORED if reported.on else NoticeKind.CUT_DONE
    await tell_account(business, account, site, _crossing(kind, supply), params)


async def _unconfirmed(business: Business, supply: Supply, reported: Reported | None) -> None:
    await business.store.supplies.attempt(supply.meter_id, supply.wanted.generation, Outcome.UNCONFIRMED)
    if reported is not None:
        await business.store.supplies.saw(supply.meter_id, reported)
    if supply.attempts + 1 < STUCK_AFTER:
        return  # From then on it is told with every try; the key makes it one.
    account, site = await _whose(business, supply)
    if account is None or site is None:
        return
    log.warning("switch_stuck", meter=supply.meter_id, on=supply.wanted.on, generation=supply.wanted.generation)
    params: Params = {"on": supply.wanted.on, "meter_id": supply.meter_id}
    if await running_outage(business, site.id, account.path) is None:
        await tell_staff(business, site, _crossing(NoticeKind.SWITCH_STUCK, supply), params, account=account)
    order = await business.store.orders.get(supply.wanted.cause) if supply.wanted.cause else None
    if order is not None and supply.wanted.on:
        stuck = replace(supply, outcome=Outcome.UNCONFIRMED, reported=reported or supply.reported)
        await escalate(business, order, stuck, (account, site))


def _crossing(kind: NoticeKind, supply: Supply) -> Crossing:
    return Crossing(kind, f"{supply.meter_id}:g{supply.wanted.generation}")


async def _whose(business: Business, supply: Supply) -> tuple[Account | None, Site | None]:
    sites = business.store.sites
    account, site = await asyncio.gather(sites.account(supply.account_id or ""), sites.site(supply.site_id))
    if account is None:
        return None, None
    return account, site if site is not None and site.id == account.site_id else await site_of(business, account)
