"""One verified payment into one ledger entry, whichever way we heard of it (M4, M6, M8).

Each step is keyed, so that dying after any of them and running again ends in the same state: claim of the transaction,
order to paid, entry, order to credited, supply, thread.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from prepaid.domain.access import CLOCK
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import CLEARING, Entry, Kind, Line, Posting, customer
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import NoticeKind, Stage
from prepaid.domain.orders import ALLOWED, OPEN, Order, OrderState, Payment, difference
from prepaid.domain.supply import Verb
from prepaid.ports import Business, RefundingProvider, topic_site
from prepaid.usecases.authorize import record, site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.money_tickets import open_payment_ticket
from prepaid.usecases.providers import provider_named
from prepaid.usecases.refund import make_refund
from prepaid.usecases.stuck_payment import STUCK_BY_RULE
from prepaid.usecases.tell import Crossing, Params, Place, place_of, tell_staff, tell_thread

log = structlog.get_logger()


async def credit_payment(business: Business, payment: Payment) -> None:
    """Credits the payment to its order's account, or disputes it; never both, never twice."""
    order = await business.store.orders.get(payment.order_id)
    if order is None:
        await _orphan(business, payment)
        return
    why = difference(order, payment, provider_named(business, order.provider).merchant)
    if why is None and await business.store.orders.claim(payment) != order.id:
        why = "dispute.claimed"
    if why is None and order.txn_id not in (None, payment.txn_id):
        why = "dispute.paid_twice"
    if why is not None:
        await _dispute(business, order, payment, why)
        return
    place = await place_of(business, order)
    if OrderState.PAID in ALLOWED[order.state]:
        order = await _to_paid(business, order, payment, place)
    await finish_paid(business, order, place=place)


async def take_answer(business: Business, order: Order, payment: Payment) -> None:
    """What a provider answered about an order: credited, or disputed if its money has gone back over there."""
    if payment.success:
        await credit_payment(business, payment)
        return
    fresh = await business.store.orders.get(order.id)
    if fresh is not None and (fresh.state in OPEN or fresh.state is OrderState.EXPIRED):
        await _dispute(business, fresh, payment, "dispute.refunded_there")


async def finish_paid(business: Business, order: Order, *, place: Place | None = None) -> None:
    """From paid to credited and on: what a crash may have left undone. An order in any other state is left alone."""
    if order.state is not OrderState.PAID:
        return
    account, site = place = place or await place_of(business, order)
    entry = await business.store.ledger.post(_posting(order, site))
    log.info("payment_credited", order=order.id, account=account.id, seq=entry.seq)
    await _tell_and_restore(business, place, order, entry)
    if account.status is AccountStatus.CLOSED:
        await _send_back(business, order, account, site)
    # Last, so that an order that says credited has nothing left to be done, whenever we died.
    await business.store.orders.move(order.id, OrderState.PAID, OrderState.CREDITED)
    await business.wakeups.wake(topic_site(order.site_id))


async def _to_paid(business: Business, order: Order, payment: Payment, place: Place) -> Order:
    await tell_thread(business, order, Stage.PAID, {}, place=place)
    moved = await business.store.orders.move(
        order.id, order.state, OrderState.PAID, txn_id=payment.txn_id, paid_at=payment.paid_at
    )
    if moved:
        return replace(order, state=OrderState.PAID, txn_id=payment.txn_id, paid_at=payment.paid_at)
    fresh = await business.store.orders.get(order.id)
    if fresh is None:
        raise InvariantBroken(f"order {order.id} vanished")
    if OrderState.PAID in ALLOWED[fresh.state]:
        return await _to_paid(
            business, fresh, payment, place
        )  # It took another edge meanwhile; edges are few and acyclic.
    return fresh


def _posting(order: Order, site: Site) -> Posting:
    amount = micro_from_fen(order.amount_fen)
    if order.txn_id is None or order.paid_at is None:
        raise InvariantBroken(f"order {order.id} is paid without a transaction")
    return Posting(
        account_id=order.account_id,
        idem=f"topup:{order.provider}:{order.txn_id}",
        kind=Kind.TOP_UP,
        lines=(Line(customer(order.account_id), amount), Line(CLEARING + order.provider, -amount)),
        effective_at=order.paid_at,
        actor=f"provider:{order.provider}",
        reason="reason.top_up",
        currency=site.currency,
        ref={"order": order.id, "txn": order.txn_id},
        recovery=site.credit.recovery(site.calendar.month(order.paid_at)),
    )


async def _tell_and_restore(business: Business, place: Place, order: Order, entry: Entry) -> None:
    params = {"balance_micro": entry.balance_micro}
    await tell_thread(business, order, Stage.CREDITED, params, place=place)
    verdicts = await decide_supply(business, order.account_id, place=place)
    supplies = await business.store.supplies.of_account(order.account_id)
    coming = any(v.verb is Verb.RESTORE for v in verdicts) or any(s.wanted.cause == order.id for s in supplies)
    if coming:
        return
    if all(s.wanted.on for s in supplies):
        await tell_thread(business, order, Stage.CREDITED_STILL_ON, params, place=place)
        return
    # It stays off for a reason that the payment does not take away: the payer hears it now.
    why = next((STUCK_BY_RULE[v.rule] for v in verdicts if v.rule in STUCK_BY_RULE), "stuck.meter")
    await tell_thread(business, order, Stage.STUCK, {**params, "why": why}, place=place)


async def _dispute(business: Business, order: Order, payment: Payment, why: str) -> None:
    """Kept and shown to the staff, never credited, never dropped (M6)."""
    # A refund under way ends by the provider's word alone, so another payment does not take the order from it.
    if order.state is not OrderState.REFUNDING and OrderState.DISPUTED in ALLOWED[order.state]:
        await business.store.orders.move(
            order.id,
            order.state,
            OrderState.DISPUTED,
            txn_id=payment.txn_id,
            paid_at=payment.paid_at,
            paid_fen=payment.amount_fen,
            dispute=why,
        )
    log.warning("payment_disputed", order=order.id, why=why)
    await record(business, CLOCK, "dispute_payment", order.id, reason=why)
    account = await business.store.sites.account(order.account_id)
    if account is None:
        raise InvariantBroken(f"order {order.id} has no account")
    site = await site_of(business, account)
    await open_payment_ticket(business, payment, why, account)
    params: Params = {"order_id": order.id, "amount_micro": micro_from_fen(payment.amount_fen), "why": why}
    await tell_staff(business, site, _crossing(payment), params, account=account)
    if why != "dispute.paid_twice":
        await tell_thread(business, order, Stage.DISPUTED, {"why": why})


async def _orphan(business: Business, payment: Payment) -> None:
    """Money for an order that we do not know: every site's staff hears of it, and the transaction is on record."""
    await business.store.orders.claim(payment)
    await record(business, CLOCK, "dispute_payment", payment.order_id, reason="dispute.no_order")
    await open_payment_ticket(business, payment, "dispute.no_order", None)
    log.warning("payment_without_order", provider=payment.provider)
    params: Params = {
        "order_id": payment.order_id,
        "amount_micro": micro_from_fen(payment.amount_fen),
        "why": "dispute.no_order",
    }
    for site in await business.store.sites.sites():
        await tell_staff(business, site, _crossing(payment), params)


async def _send_back(business: Business, order: Order, account: Account, site: Site) -> None:
    """Money for somebody who has moved out goes back to whoever paid it, and the staff hears of it (M8)."""
    why = "dispute.account_closed"
    if isinstance(business.providers.get(order.provider), RefundingProvider):
        wish = make_refund(business, order, order.amount_fen, key="closed", asked_by=CLOCK.id, why=why)
        await business.store.refunds.add(wish)  # Driven by the janitor, once the order says credited.
    params: Params = {"order_id": order.id, "amount_micro": micro_from_fen(order.amount_fen), "why": why}
    crossing = Crossing(NoticeKind.PAYMENT_DISPUTED, f"{order.provider}:{order.txn_id}")
    await tell_staff(business, site, crossing, params, account=account)


def _crossing(payment: Payment) -> Crossing:
    return Crossing(NoticeKind.PAYMENT_DISPUTED, f"{payment.provider}:{payment.txn_id}")
