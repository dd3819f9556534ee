"""The first step of a move-out: no money on its way, every meter read to the end, billed, and free for the next."""

from __future__ import annotations

from dataclasses import replace

import structlog

from prepaid.domain.accounts import Account
from prepaid.domain.closing import Closing, FinalReading, Step, meter_doubt
from prepaid.domain.errors import InvariantBroken, TryAgain, Unknown
from prepaid.domain.metering import Meter
from prepaid.domain.orders import ALLOWED, OPEN, Order, OrderState
from prepaid.domain.supply import HoldKind
from prepaid.ports import Business
from prepaid.usecases.authorize import site_of
from prepaid.usecases.settle_readings import settle_to_the_end

log = structlog.get_logger()

MOST_ORDERS = 500
ON_ITS_WAY = OPEN | {OrderState.PAID, OrderState.REFUNDING}


async def settle_meters(business: Business, closing: Closing) -> str | None:
    """Bills every meter to its final reading and frees it; or says what that waits for."""
    account = await business.store.sites.account(closing.id)
    if account is None:
        raise InvariantBroken(f"no account {closing.id}")
    if await _money_on_its_way(business, account):
        return "closing.money_on_its_way"
    site = await site_of(business, account)
    meters = await business.store.meters.of_account(account.id)
    for meter in meters:
        doubt = meter_doubt(meter, business.clock.now(), site.policy.reading_fresh_s)
        if doubt is not None:
            return doubt
    for meter in meters:
        closing = await _free(business, closing, account, meter)
    await business.store.closings.move(closing.id, Step.SETTLING, Step.BALANCING, waits_for="")
    return None


async def _free(business: Business, closing: Closing, account: Account, meter: Meter) -> Closing:
    """The reading goes on record before the meter is let go: afterwards it is no longer this account's to read."""
    site = await site_of(business, account)
    await settle_to_the_end(business, meter, account, site)
    if meter.last is None:
        raise InvariantBroken(f"meter {meter.id} was never read")
    final = FinalReading(meter_id=meter.id, at=meter.last.at, energy_wh=meter.last.energy_wh)
    readings = (*(each for each in closing.readings if each.meter_id != meter.id), final)
    await business.store.closings.move(closing.id, Step.SETTLING, Step.SETTLING, readings=readings)
    supply = await business.store.supplies.get(meter.id)
    if supply is not None and supply.hold is not None and supply.hold.kind is HoldKind.ON:
        # Protection was the tenant's; a maintenance tag stays.
        await business.store.supplies.hold(meter.id, None, at=business.clock.now())
    await business.store.supplies.assign(meter.id, None)
    await business.store.meters.assign(meter.id, account.id, None, None, vacant_wh=final.energy_wh)
    log.info("meter_freed", meter=meter.id, account=account.id)
    return replace(closing, readings=readings)


async def _money_on_its_way(business: Business, account: Account) -> bool:
    """Closes unpaid orders at their providers; whatever is paid, unknown or being refunded is waited for."""
    left = False
    for order in await business.store.orders.of_account(account.id, MOST_ORDERS):
        if order.state in ON_ITS_WAY:
            left = not await _closed(business, order) or left
    return left or await business.store.inbox.waiting_for_account(account.id)


async def _closed(business: Business, order: Order) -> bool:
    provider = business.providers.get(order.provider)
    if provider is None or OrderState.EXPIRED not in ALLOWED[order.state]:
        return False
    try:
        payment = await provider.query(order)
        if (payment is not None and payment.success) or not await provider.close(order):
            return False
    except (TryAgain, Unknown):
        return False
    return await business.store.orders.move(order.id, order.state, OrderState.EXPIRED)
