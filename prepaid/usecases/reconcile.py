"""Holds a provider's bill of one day against our orders, refunds and ledger, item by item (M17).

A payment that only the bill knows is asked about and credited on the same path as any other, so exactly once (M4).
What still differs becomes a ticket, one for each item, and the staff hears how it came out even when nothing differs.
Running it again finds the same items: tickets are kept by their key, and one whose difference has gone ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import structlog

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.bills import Bill, BillKind, BillRow
from prepaid.domain.errors import Refused, Trouble, not_found
from prepaid.domain.ledger import CLEARING, Entry
from prepaid.domain.money import fen_from_micro
from prepaid.domain.orders import OPEN, Order, OrderState
from prepaid.domain.reconcile import (
    REFUND_GRACE,
    Books,
    Item,
    Run,
    compare,
    day_span,
    missing_payment,
    missing_refund,
    near_start,
    shares,
    totals,
)
from prepaid.domain.refunds import Refund
from prepaid.ports import BillingProvider, Business
from prepaid.usecases.authorize import record
from prepaid.usecases.credit_payment import finish_paid, take_answer
from prepaid.usecases.providers import provider_named
from prepaid.usecases.reconcile_outcome import keep_no_bill, keep_tickets, tell_outcome

log = structlog.get_logger()

LOOKUPS_AT_ONCE = 20
LOOK_BACK = timedelta(days=32)
UNSETTLED = OPEN | {OrderState.EXPIRED, OrderState.PAID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The run as it is kept, and every item of it."""

    run: Run
    items: tuple[Item, ...]


def billing_providers(business: Business) -> tuple[str, ...]:
    """The providers that send bills."""
    return tuple(name for name, each in sorted(business.providers.items()) if isinstance(each, BillingProvider))


def run_id(business: Business, provider: str, day: date) -> str:
    """One run for each provider, merchant and day."""
    return f"{provider}:{provider_named(business, provider).merchant.merchant_id}:{day.isoformat()}"


async def reconcile(business: Business, actor: Actor, provider: str, day: date) -> Outcome:
    """Compares and keeps the outcome. Only for the system and whoever runs it: it sees every site of the merchant.

    Raises `Refused` for a provider without bills, `TryAgain` while the bill is not there or cannot be fetched.
    """
    if not may(actor, Action.RUN, Subject("")):
        await record(business, actor, "reconcile", provider, refused="refused.not_found")
        raise not_found()
    bill = await _bill(business, provider, day)
    credited = await _credit_found(business, provider, bill)
    items = await _items(business, provider, bill)
    tickets = await keep_tickets(business, provider_named(business, provider).merchant, day, items)
    sites = [site.id for site in await business.store.sites.sites()]
    run = Run(
        id=run_id(business, provider, day),
        provider=provider,
        merchant_id=provider_named(business, provider).merchant.merchant_id,
        day=day.isoformat(),
        ran_at=business.clock.now(),
        totals=totals(items),
        shares=shares(items, sites),
        credited=credited,
        tickets=len(tickets),
    )
    await tell_outcome(business, run, tickets)
    await business.store.runs.save(run)
    log.info("reconciled", run=run.id, items=run.totals.items, gaps=run.totals.gaps, credited=credited)
    return Outcome(run=run, items=tuple(items))


async def _bill(business: Business, provider: str, day: date) -> Bill:
    source: object = provider_named(business, provider)
    if not isinstance(source, BillingProvider):
        raise Refused("refused.provider_has_no_bill")
    return await source.bill(day)


async def _credit_found(business: Business, provider: str, bill: Bill) -> int:
    """Payments on the bill that we have not credited: the provider is asked about each, and its answer taken (M4, M5).

    Returns how many were credited. One order's trouble leaves it as a difference and does not hold up the others.
    """
    numbers = [row.order_id for row in bill.rows if row.kind is BillKind.PAYMENT]
    orders = await business.store.orders.get_many(numbers)
    waiting = [order for order in orders.values() if order.provider == provider and order.state in UNSETTLED]
    return sum([await _credit_one(business, order) for order in waiting])


async def _credit_one(business: Business, order: Order) -> bool:
    try:
        if order.state is OrderState.PAID:
            await finish_paid(business, order)
        else:
            payment = await provider_named(business, order.provider).query(order)
            if payment is not None:
                await take_answer(business, order, payment)
    except Trouble as trouble:
        log.warning("billed_order_waits", order=order.id, kind=type(trouble).__name__, key=trouble.key)
        return False
    fresh = await business.store.orders.get(order.id)
    return fresh is not None and fresh.state is OrderState.CREDITED


async def _items(business: Business, provider: str, bill: Bill) -> list[Item]:
    """The lines of the bill, then what we have and no bill shows."""
    since, until = day_span(bill.day)
    ours = await business.store.orders.paid_between(provider, since, until)
    back = await business.store.refunds.ended_between(provider, since - REFUND_GRACE, until - REFUND_GRACE)
    books = await _books(business, provider, bill.rows, ours, back)
    items = compare(bill.rows, books)
    paid = {row.order_id for row in bill.rows if row.kind is BillKind.PAYMENT}
    refunded = {row.refund_id for row in bill.rows if row.kind is BillKind.REFUND}
    lost = [order for order in ours if order.id not in paid]
    lost_back = [refund for refund in back if refund.id not in refunded]
    lost, lost_back = await _not_elsewhere(business, provider, bill.day, lost, lost_back)
    items += [missing_payment(order, books.ledger_fen.get(order.txn_id or "", 0)) for order in lost]
    for refund in lost_back:
        order = books.orders.get(refund.order_id)
        txn_id = order.txn_id or "" if order else ""
        items.append(missing_refund(refund, txn_id, books.ledger_fen.get(refund.id, 0)))
    return items


async def _not_elsewhere(
    business: Business, provider: str, day: date, lost: list[Order], back: list[Refund]
) -> tuple[list[Order], list[Refund]]:
    """Those that the bills of the days around do not show either. A bill that cannot be had now shows nothing wrong."""
    near = [order for order in lost if order.paid_at is not None and near_start(day, order.paid_at)]
    if near or back:
        rows = (await _bill(business, provider, day - timedelta(days=1))).rows
        paid = {row.order_id for row in rows if row.kind is BillKind.PAYMENT}
        lost = [order for order in lost if order not in near or order.id not in paid]
        back = _unseen(back, rows)
    for asked_on in sorted({refund.created_at.date() for refund in back}):
        # A provider may book a refund on the day that it was asked for, and end it days later.
        for each in (asked_on, asked_on + timedelta(days=1)):
            if back and each < day - timedelta(days=1):
                back = _unseen(back, (await _bill(business, provider, each)).rows)
    return lost, back


def _unseen(back: list[Refund], rows: Sequence[BillRow]) -> list[Refund]:
    seen = {row.refund_id for row in rows if row.kind is BillKind.REFUND}
    return [refund for refund in back if refund.id not in seen]


async def _books(
    business: Business, provider: str, rows: Sequence[BillRow], ours: Sequence[Order], back: Sequence[Refund]
) -> Books:
    numbers = {row.order_id for row in rows} | {refund.order_id for refund in back}
    orders = {**await business.store.orders.get_many(sorted(numbers)), **{order.id: order for order in ours}}
    orders = {key: order for key, order in orders.items() if order.provider == provider}
    refund_ids = sorted({row.refund_id for row in rows if row.refund_id})
    refunds = {**await business.store.refunds.get_many(refund_ids), **{refund.id: refund for refund in back}}
    return Books(
        merchant=provider_named(business, provider).merchant,
        orders=orders,
        refunds=refunds,
        ledger_fen=await _ledger(business, provider, orders, refunds),
        fee_ppm=business.fees_ppm.get(provider),
    )


async def _ledger(
    business: Business, provider: str, orders: Mapping[str, Order], refunds: Mapping[str, Refund]
) -> dict[str, int]:
    """What each payment and refund moved on the clearing account, in fen, by transaction or refund number."""
    wanted = [(each.txn_id, each.account_id, f"topup:{provider}:{each.txn_id}") for each in orders.values()]
    wanted += [(each.id, each.account_id, f"refund:{each.id}") for each in refunds.values()]
    room = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def moved(number: str, account_id: str, idem: str) -> tuple[str, int]:
        async with room:
            entry = await business.store.ledger.by_idem(account_id, idem)
        return number, abs(_clearing_fen(entry, provider)) if entry else 0

    return dict(await asyncio.gather(*(moved(number, *place) for number, *place in wanted if number)))


def _clearing_fen(entry: Entry, provider: str) -> int:
    return fen_from_micro(sum(line.amount_micro for line in entry.lines if line.account == CLEARING + provider))


async def reconcile_due(business: Business, actor: Actor, days: Sequence[date]) -> int:
    """Runs what no run has covered yet, oldest first; returns how many ran.

    A bill that is not there comes up again; from its second day on a ticket says so. Days before a merchant's first
    order are nobody's business, so a new one is not told of a week of nothing.
    """
    done = 0
    for provider in billing_providers(business):
        for day in days:
            if await business.store.runs.get(run_id(business, provider, day)) is not None:
                continue
            if not await _begun(business, provider, day):
                continue
            try:
                await reconcile(business, actor, provider, day)
                done += 1
            except Trouble as trouble:
                kind = type(trouble).__name__
                log.warning("bill_waits", provider=provider, day=day.isoformat(), kind=kind, key=trouble.key)
                if day < max(days):
                    await keep_no_bill(business, provider_named(business, provider).merchant, day)
    return done


async def _begun(business: Business, provider: str, day: date) -> bool:
    """Whether anybody had asked to pay by then: the day before was compared, or there are orders of the month."""
    if await business.store.runs.get(run_id(business, provider, day - timedelta(days=1))) is not None:
        return True
    _, until = day_span(day)
    return await business.store.orders.any_asked(provider, until - LOOK_BACK, until)
