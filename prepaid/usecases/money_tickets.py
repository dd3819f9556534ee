"""Money that the staff has to look into: opened once for each item, seen within reach, settled with words (M6, M17)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import Payment
from prepaid.domain.tickets import MoneyKind, MoneyTicket, money_ticket_id
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes, site_of
from prepaid.usecases.tell import Crossing, Params, tell_account

MAX_WORDS = 500
MOST = 200


async def open_money_tickets(business: Business, actor: Actor) -> tuple[MoneyTicket, ...]:
    """Open tickets in the actor's reach and those of the merchant itself, oldest first (A2).

    A payment after which the power stayed away is also for whoever switches supplies there: they go and look.
    """
    rows = business.store.money_tickets
    reach = scopes(actor, Action.SETTLE_DISPUTE)
    places = (*reach, "") if reach else ()
    found = {each.id: each for scope in places for each in await rows.below(scope, MOST)}
    for scope in scopes(actor, Action.SWITCH_SUPPLY):
        found |= {each.id: each for each in await rows.below(scope, MOST, kind=MoneyKind.POWER)}
    return tuple(sorted(found.values(), key=lambda each: (each.opened_at, each.id)))


async def show_money_ticket(business: Business, actor: Actor, ticket_id: str) -> MoneyTicket:
    """One ticket. A foreign one and a missing one give the same `Refused` (A2)."""
    ticket = await business.store.money_tickets.get(ticket_id)
    if ticket is None or not _within_reach(actor, ticket):
        await record(business, actor, Action.SETTLE_DISPUTE, ticket_id, refused="refused.not_found")
        raise not_found()
    return ticket


async def settle_ticket(business: Business, actor: Actor, ticket_id: str, *, words: str) -> MoneyTicket:
    """Ends a ticket with words about what was found. It moves no money: a refund or a correction is an act of its own.

    Raises `Refused("refused.dispute_answered")` for one that has ended, and for missing words.
    """
    ticket = await show_money_ticket(business, actor, ticket_id)
    if not 0 < len(words.strip()) <= MAX_WORDS:
        raise Refused("refused.reason_needed")
    now = business.clock.now()
    if not await business.store.money_tickets.settle(ticket.id, by=actor.id, at=now, words=words.strip()):
        raise Refused("refused.dispute_answered")
    settled = await business.store.money_tickets.get(ticket.id)
    if settled is None:
        raise InvariantBroken(f"ticket {ticket_id} vanished")
    if settled.kind is MoneyKind.POWER:
        await _tell_payer(business, settled)
    return settled


async def _tell_payer(business: Business, ticket: MoneyTicket) -> None:
    """Whoever paid and sat in the dark hears what was found."""
    account = await business.store.sites.account(ticket.account_id or "")
    if account is not None:
        crossing = Crossing(NoticeKind.POWER_ANSWERED, ticket.id)
        params: Params = {"why": ticket.words, "order_id": ticket.order_id}
        await tell_account(business, account, await site_of(business, account), crossing, params)


async def open_payment_ticket(business: Business, payment: Payment, why: str, account: Account | None) -> MoneyTicket:
    """The ticket of a payment that could not be credited: one for each transaction, whoever tells of it (M6)."""
    return await business.store.money_tickets.add(
        MoneyTicket(
            id=payment_ticket_id(payment.provider, payment.merchant_id, payment.txn_id),
            kind=MoneyKind.PAYMENT,
            provider=payment.provider,
            why=why,
            opened_at=business.clock.now(),
            path=account.path if account else "",
            site_id=account.site_id if account else None,
            account_id=account.id if account else None,
            merchant_id=payment.merchant_id,
            order_id=payment.order_id,
            txn_id=payment.txn_id,
            theirs_fen=payment.amount_fen,
        )
    )


def payment_ticket_id(provider: str, merchant_id: str, txn_id: str) -> str:
    """One for each transaction."""
    return money_ticket_id(MoneyKind.PAYMENT, provider, merchant_id, txn_id)


def _within_reach(actor: Actor, ticket: MoneyTicket) -> bool:
    """What belongs to a merchant and to no site is anybody's who settles disputes somewhere."""
    if ticket.path:
        subject = Subject(ticket.path, ticket.account_id)
        power = ticket.kind is MoneyKind.POWER and may(actor, Action.SWITCH_SUPPLY, subject)
        return power or may(actor, Action.SETTLE_DISPUTE, subject)
    return actor.system or bool(scopes(actor, Action.SETTLE_DISPUTE))
