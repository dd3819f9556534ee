"""Somebody paid and nothing came: the provider is asked by its own number, and its answer alone counts (P2, M5)."""

from __future__ import annotations

import re
from enum import StrEnum

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import OrderState, Payment
from prepaid.domain.tickets import MoneyKind, MoneyTicket, money_ticket_id
from prepaid.ports import Business, FindingProvider
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.tell import Crossing, tell_staff

log = structlog.get_logger()

TRIES = 5
WINDOW_S = 3600
_NUMBER = re.compile(r"^[0-9A-Za-z_-]{8,64}$", re.ASCII)


class Claim(StrEnum):
    """What became of it. Each names a text ("claim.*")."""

    CREDITED = "claim.credited"
    CREDITED_BEFORE = "claim.credited_before"
    PASSED_ON = "claim.passed_on"
    """The staff looks into it. So it is for a number that nobody knows and for one of another account, alike (A1)."""


async def claim_payment(business: Business, actor: Actor, account_id: str, txn_id: str) -> Claim:
    """Credits the payment with the provider's number `txn_id` if it is the account's own and was not credited yet.

    Anything else becomes a ticket for the staff and gives the same answer. Raises `Refused` for text that is no number
    and for too many tries in an hour, `TryAgain` or `Unknown` while a provider cannot be asked.
    """
    right = Action.TOP_UP if account_id in actor.accounts else Action.REFUND
    account = await reach_account(business, actor, account_id, right)
    number = txn_id.strip()
    if not _NUMBER.match(number):
        raise Refused("refused.txn_number")
    if await business.store.people.count_try(f"claim:{actor.id}", business.clock.now(), WINDOW_S) > TRIES:
        raise Refused("refused.too_many_claims")
    payment = await _find(business, number)
    if payment is None or not await _own(business, account, payment):
        await _pass_on(business, actor, account, number)
        return Claim.PASSED_ON
    return await _credit(business, actor, account, payment)


async def _find(business: Business, number: str) -> Payment | None:
    """Every provider that can be asked. One that says that this is no number of its own has no such payment."""
    for provider in business.providers.values():
        if not isinstance(provider, FindingProvider):
            continue
        try:
            payment = await provider.find(number)
        except Refused:
            continue
        if payment is not None:
            return payment
    return None


async def _own(business: Business, account: Account, payment: Payment) -> bool:
    order = await business.store.orders.get(payment.order_id)
    return order is not None and order.account_id == account.id


async def _credit(business: Business, actor: Actor, account: Account, payment: Payment) -> Claim:
    order = await business.store.orders.get(payment.order_id)
    if order is not None and order.txn_id == payment.txn_id and order.state is OrderState.CREDITED:
        return Claim.CREDITED_BEFORE
    if payment.success:
        await credit_payment(business, payment)
        order = await business.store.orders.get(payment.order_id)
        if order is not None and order.state is OrderState.CREDITED and order.txn_id == payment.txn_id:
            log.info("claim_credited", order=order.id)
            return Claim.CREDITED
    await _pass_on(business, actor, account, payment.txn_id)
    return Claim.PASSED_ON


async def _pass_on(business: Business, actor: Actor, account: Account, number: str) -> None:
    """One ticket for one number and account, without a word about whose payment it may be."""
    ticket = MoneyTicket(
        id=money_ticket_id(MoneyKind.CLAIM, account.id, number),
        kind=MoneyKind.CLAIM,
        provider="",
        why="claim.not_found",
        opened_at=business.clock.now(),
        opened_by=actor.id,
        path=account.path,
        site_id=account.site_id,
        account_id=account.id,
        txn_id=number,
    )
    held = await business.store.money_tickets.add(ticket)
    site = await site_of(business, account)
    crossing = Crossing(NoticeKind.CLAIM_OPENED, held.id)
    await tell_staff(business, site, crossing, {"ticket_id": held.id, "txn_id": number}, account=account)
