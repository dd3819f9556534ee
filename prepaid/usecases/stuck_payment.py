"""A payment whose power does not come back in time: the payer hears why, a ticket is open, the staff know; and its end.

Told before the ticket is kept: whoever finds the ticket knows that all has been told, so a crash tells the rest (N1).
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Trouble
from prepaid.domain.notices import NoticeKind, Stage
from prepaid.domain.orders import Order
from prepaid.domain.supply import Outcome, Supply
from prepaid.domain.tickets import MoneyKind, MoneyState, MoneyTicket, money_ticket_id
from prepaid.ports import Business
from prepaid.usecases.running_outage import running_outage
from prepaid.usecases.tell import Crossing, Params, Place, place_of, tell_staff, tell_thread

log = structlog.get_logger()

BACK_WITHIN = timedelta(seconds=120)
"""S1's X."""
LOOKED_FOR = timedelta(days=2)
BATCH = 500
MOST_TICKETS = 200
STUCK_BY_RULE = {
    "rule.maintenance": "stuck.maintenance",
    "rule.by_hand": "stuck.by_hand",
    "rule.no_credit": "stuck.no_credit",
}


async def review_restores(business: Business) -> int:
    """Escalates every paid restore that is late, also where no try was ever made. Returns how many are late."""
    now = business.clock.now()
    late = await business.store.supplies.restoring(now - LOOKED_FOR, now - BACK_WITHIN, BATCH)
    for supply in late:
        try:
            await _review(business, supply)
        except Trouble as trouble:
            log.warning("restore_review_waits", meter=supply.meter_id, key=trouble.key)
    return len(late)


async def escalate(business: Business, order: Order, supply: Supply, place: Place) -> None:
    """Says why in the thread, tells the staff, and opens the ticket. Repeating it changes nothing."""
    number = power_ticket_id(order.id, supply.meter_id)
    ticket = await business.store.money_tickets.get(number)
    if ticket is not None and ticket.state is not MoneyState.GONE:
        return
    account, site = place
    outage = await running_outage(business, site.id, account.path)
    if outage is not None:
        # It was announced, so nobody has to go and look. If the light is still away afterwards, all below follows.
        why_not = {"why": "stuck.outage", "outage_until": outage.until.isoformat()}
        await tell_thread(business, order, Stage.STUCK, why_not, place=place)
        return
    why = await _why(business, supply)
    log.warning("payment_stuck", order=order.id, meter=supply.meter_id, why=why)
    crossing = Crossing(NoticeKind.SWITCH_STUCK, f"{supply.meter_id}:g{supply.wanted.generation}")
    await tell_staff(business, site, crossing, {"on": True, "meter_id": supply.meter_id}, account=account)
    await tell_thread(business, order, Stage.STUCK, {"why": why}, place=place)
    await business.store.money_tickets.add(
        MoneyTicket(
            id=number,
            kind=MoneyKind.POWER,
            provider=order.provider,
            why=why,
            opened_at=business.clock.now(),
            path=account.path,
            site_id=site.id,
            account_id=account.id,
            order_id=order.id,
            txn_id=order.txn_id or "",
            ours_fen=order.amount_fen,
        )
    )


async def power_is_back(business: Business, account: Account, site: Site, supply: Supply, params: Params) -> None:
    """Ends what was open about this meter: the payer's thread, by whatever the power came back, then the ticket."""
    for ticket in await business.store.money_tickets.below(account.path, MOST_TICKETS):
        if ticket.kind is not MoneyKind.POWER or ticket.id != power_ticket_id(ticket.order_id, supply.meter_id):
            continue
        order = await business.store.orders.get(ticket.order_id)
        if order is not None:
            await tell_thread(business, order, Stage.POWER_ON, params, place=(account, site))
        await business.store.money_tickets.gone(ticket.id, business.clock.now())


def power_ticket_id(order_id: str, meter_id: str) -> str:
    """One for each payment and meter."""
    return money_ticket_id(MoneyKind.POWER, order_id, meter_id)


async def _review(business: Business, supply: Supply) -> None:
    order = await business.store.orders.get(supply.wanted.cause)
    if order is None or order.account_id != supply.account_id:
        return
    account, site = await place_of(business, order)
    if site.policy.ask_before_restore and supply.safe_generation != supply.wanted.generation:
        return  # It waits for the tenant's own word, and they were asked for it.
    await escalate(business, order, supply, (account, site))


async def _why(business: Business, supply: Supply) -> str:
    """Where it is stuck, as far as anybody can see from here."""
    seen = supply.reported
    if seen is not None and not seen.on and seen.at >= supply.wanted.at and supply.outcome is Outcome.UNCONFIRMED:
        return "stuck.relay"
    meters = await business.store.meters.on_gateway(supply.gateway_id)
    silent = [meter for meter in meters if meter.silent_since is not None]
    return "stuck.gateway" if meters and len(silent) == len(meters) > 1 else "stuck.meter"
