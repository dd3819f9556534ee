"""Pay-for-me links: a tenant makes one, somebody else pays by it and needs no account here (P7).

A link pays once. It is bound to one order at a time: another wish by the same link closes the order before it, and a
link that was paid opens nothing more. A refund goes where every refund goes: back to whoever paid, by the provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, not_found
from prepaid.domain.orders import (
    MAX_TOPUP_FEN,
    MIN_TOPUP_FEN,
    OPEN,
    ORDER_TTL_S,
    Order,
    OrderState,
    PayWay,
    check_amount,
)
from prepaid.domain.pay_links import (
    OPEN_MOST,
    TRIES_AN_HOUR,
    TTL,
    PayLink,
    check_ttl,
    new_link_id,
    seal,
    unseal,
)
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, record, site_of
from prepaid.usecases.close_order import close_order
from prepaid.usecases.open_order import open_order

log = structlog.get_logger()

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLink:
    """A fresh link and the token that whoever pays is given."""

    link: PayLink
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayLinkView:
    """All that whoever holds the link sees: which place, how much, until when, and the ways to pay."""

    site_name: str
    label: str
    amount_fen: int | None
    min_fen: int
    max_fen: int
    expires_at: datetime
    providers: tuple[str, ...]


async def make_pay_link(
    business: Business, actor: Actor, account_id: str, *, amount_fen: int | None = None, ttl: timedelta = TTL
) -> MadeLink:
    """A link that pays for the account, with an amount or, without, one that the payer chooses."""
    account = await reach_account(business, actor, account_id, Action.TOP_UP)
    key, now = _key(business), business.clock.now()
    _check_open(account)
    if amount_fen is not None:
        check_amount(amount_fen)
    live = await business.store.pay_links.of_account(account.id, now, OPEN_MOST + 1)
    if len(live) >= OPEN_MOST:
        raise Refused("refused.too_many_links")
    link = PayLink(
        id=new_link_id(),
        account_id=account.id,
        site_id=account.site_id,
        made_by=actor.id,
        made_at=now,
        expires_at=(now + check_ttl(ttl)).replace(microsecond=0),
        amount_fen=amount_fen,
    )
    await business.store.pay_links.add(link)
    return MadeLink(link=link, token=seal(key, link))


async def live_pay_links(business: Business, actor: Actor, account_id: str) -> tuple[PayLink, ...]:
    """The account's links that can still be paid by, the first to end first."""
    account = await reach_account(business, actor, account_id, Action.TOP_UP)
    links = await business.store.pay_links.of_account(account.id, business.clock.now(), OPEN_MOST)
    return tuple(link for link in links if not link.revoked)


async def revoke_pay_link(business: Business, actor: Actor, link_id: str) -> None:
    """The link opens nothing any more, and the order under way is closed unless it is paid."""
    link = await business.store.pay_links.get(link_id)
    if link is None:
        await record(business, actor, Action.TOP_UP, link_id, refused="refused.not_found")
        raise not_found()
    await reach_account(business, actor, link.account_id, Action.TOP_UP)
    await business.store.pay_links.revoke(link.id)
    order = await business.store.orders.get(link.order_id) if link.order_id else None
    if order is not None and order.state in OPEN:
        await close_order(business, order)


async def look_at_pay_link(business: Business, token: str) -> PayLinkView:
    """What the page of the link shows. Asked by nobody in particular, so it says no more than paying takes (A1).

    Raises `Refused`: "refused.pay_link_unknown" (bad seal, taken back), "refused.pay_link_expired",
    "refused.pay_link_used".
    """
    link, account = await _live(business, token)
    site = await site_of(business, account)
    return PayLinkView(
        site_name=site.name,
        label=account.label,
        amount_fen=link.amount_fen,
        min_fen=MIN_TOPUP_FEN,
        max_fen=MAX_TOPUP_FEN,
        expires_at=link.expires_at,
        providers=tuple(sorted(business.providers)),
    )


async def pay_by_link(
    business: Business,
    token: str,
    *,
    provider: str,
    amount_fen: int | None = None,
    way: PayWay = PayWay.QR,
    payer: str | None = None,
    payer_ip: str | None = None,
) -> Order:
    """Opens the link's order, or shows the one that is open. `amount_fen` only where the link leaves it open.

    Raises `Refused` as `look_at_pay_link`, for a wrong amount, and for too many tries in an hour.
    """
    link, account = await _live(business, token)
    amount = _amount(link, amount_fen)
    if provider not in business.providers:
        raise Refused("refused.provider_unknown")
    if way is PayWay.IN_APP and not payer:
        raise Refused("refused.payer_missing")
    now = business.clock.now()
    if await business.store.people.count_try(f"link:{link.id}", now, HOUR_S) > TRIES_AN_HOUR:
        raise Refused("refused.too_many_orders")
    site = await site_of(business, account)
    wish = Order(
        id="",
        account_id=account.id,
        site_id=account.site_id,
        person_id=link.made_by,
        provider=provider,
        amount_fen=amount,
        created_at=now,
        expires_at=now + timedelta(seconds=ORDER_TTL_S),
        currency=site.currency,
        way=way,
        payer=payer,
        payer_ip=payer_ip,
        link_id=link.id,
    )
    return await open_order(business, account, wish, before=lambda number: _bind(business, link, number))


async def _bind(business: Business, link: PayLink, number: str) -> None:
    """The link's one order is this one, from before it is there; the one before it was closed, or it stays the only."""
    if link.order_id == number:
        return
    if link.order_id is not None:
        earlier = await business.store.orders.get(link.order_id)
        if earlier is not None and earlier.state in OPEN:
            earlier = await close_order(business, earlier)
        if earlier is not None and earlier.state is not OrderState.EXPIRED:
            raise Refused("refused.pay_link_used")
    if not await business.store.pay_links.bind(link.id, link.order_id, number):
        fresh = await business.store.pay_links.get(link.id)
        if fresh is None or fresh.order_id != number or fresh.revoked:
            raise TryAgain("try_again.changed_meanwhile")


async def _live(business: Business, token: str) -> tuple[PayLink, Account]:
    link = await business.store.pay_links.get(unseal(_key(business), token, business.clock.now()))
    if link is None or link.revoked:
        raise Refused("refused.pay_link_unknown")
    account = await business.store.sites.account(link.account_id)
    if account is None:
        raise InvariantBroken(f"link {link.id} has no account")
    _check_open(account)
    order = await business.store.orders.get(link.order_id) if link.order_id else None
    if order is not None and order.state not in OPEN and order.state is not OrderState.EXPIRED:
        raise Refused("refused.pay_link_used")
    return link, account


def _key(business: Business) -> bytes:
    if not business.link_key:
        raise Refused("refused.pay_links_off")
    return business.link_key


def _amount(link: PayLink, chosen_fen: int | None) -> int:
    if link.amount_fen is None:
        if chosen_fen is None:
            raise Refused("refused.amount_range", min_fen=MIN_TOPUP_FEN, max_fen=MAX_TOPUP_FEN)
        return check_amount(chosen_fen)
    if chosen_fen not in (None, link.amount_fen):
        raise Refused("refused.pay_link_amount", amount_fen=link.amount_fen)
    return link.amount_fen


def _check_open(account: Account) -> None:
    if account.status is not AccountStatus.OPEN:
        raise Refused("refused.account_closed")
