"""Gives a free meter to an account. Billing begins with its next reading, so nobody pays for what was used before."""

from __future__ import annotations

import structlog

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused, Trouble, TryAgain, not_found
from prepaid.domain.metering import Meter
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, record
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.wallets import wallet_for

log = structlog.get_logger()

BATCH = 1000


async def assign_meter(business: Business, actor: Actor, meter_id: str, account_id: str) -> Meter:
    """The meter, now with the account, or with the wallet of its tenancy that pays for what the meter counts.

    A meter of somebody else is refused: their move-out frees it first.

    The meter's row is the commit and its supply follows; `mend_supplies` finishes what a crash left between them.
    """
    named = await reach_account(business, actor, account_id, Action.ASSIGN_METER)
    meter = await _reach(business, actor, meter_id)
    account = await wallet_for(business, named, meter.utility) if named.status is AccountStatus.OPEN else named
    if account.status is not AccountStatus.OPEN:
        raise Refused("refused.account_closed")
    if meter.site_id != account.site_id:
        raise Refused("refused.meter_elsewhere")
    if meter.account_id not in (None, account.id):
        raise Refused("refused.meter_taken")
    async with intent(business, actor, Action.ASSIGN_METER, meter.path, after=account.id):
        if meter.account_id is None and not await business.store.meters.assign(meter.id, None, account.id, None):
            raise TryAgain("try_again.changed_meanwhile")
        await business.store.supplies.assign(meter.id, account.id)
    log.info("meter_assigned", meter=meter.id, account=account.id)
    await decide_supply(business, account.id)
    return await _fresh(business, meter.id)


async def mend_supplies(business: Business) -> int:
    """Lets supplies follow their meters where a crash came between the two. Returns how many were mended."""
    mended = 0
    for supply in await business.store.supplies.without_account(BATCH):
        meter = await business.store.meters.get(supply.meter_id)
        if meter is None or meter.account_id is None:
            continue
        account = await business.store.sites.account(meter.account_id)
        if account is None or account.status is not AccountStatus.OPEN:
            continue  # A move-out takes the supply first and the meter last.
        try:
            await business.store.supplies.assign(meter.id, account.id)
            await decide_supply(business, account.id)
            mended += 1
        except Trouble as trouble:
            log.warning("supply_mending_waits", meter=meter.id, key=trouble.key)
    return mended


async def _reach(business: Business, actor: Actor, meter_id: str) -> Meter:
    meter = await business.store.meters.get(meter_id)
    if meter is None or not may(actor, Action.ASSIGN_METER, Subject(meter.path)):
        await record(business, actor, Action.ASSIGN_METER, meter_id, refused="refused.not_found")
        raise not_found()
    return meter


async def _fresh(business: Business, meter_id: str) -> Meter:
    meter = await business.store.meters.get(meter_id)
    if meter is None:
        raise not_found()
    return meter
