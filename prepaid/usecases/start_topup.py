"""A person asks to pay: the order row first, then the provider, so that no payment can be without its order."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import InvariantBroken, Refused, Unknown
from prepaid.domain.notices import Stage
from prepaid.domain.orders import ORDER_TTL_S, Order, OrderState, check_amount, new_order_id
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.tell import tell_thread

log = structlog.get_logger()


async def start_topup(business: Business, actor: Actor, account_id: str, amount_fen: int, *, provider: str) -> Order:
    """Opens an order and asks the provider for it.

    Returns it pending with a `pay_uri`, or unknown when the provider did not answer in time (the janitor asks).
    Raises `Refused` for a wrong amount, a closed or foreign account, an unknown provider; `TryAgain` when the provider
    cannot be reached.
    """
    account = await reach_account(business, actor, account_id, Action.TOP_UP)
    check_amount(amount_fen)
    if account.status is not AccountStatus.OPEN:
        raise Refused("refused.account_closed")
    if provider not in business.providers:
        raise Refused("refused.provider_unknown")
    site = await site_of(business, account)
    now, currency = business.clock.now(), site.currency
    order = _new(now, actor, account, currency=currency, amount_fen=amount_fen, provider=provider)
    await business.store.orders.add(order)
    return await _ask(business, account, order)


def _new(now: datetime, actor: Actor, account: Account, *, currency: str, amount_fen: int, provider: str) -> Order:
    return Order(
        id=new_order_id(now),
        account_id=account.id,
        site_id=account.site_id,
        person_id=actor.id,
        provider=provider,
        amount_fen=amount_fen,
        created_at=now,
        expires_at=now + timedelta(seconds=ORDER_TTL_S),
        currency=currency,
    )


async def _ask(business: Business, account: Account, order: Order) -> Order:
    orders = business.store.orders
    try:
        pay_uri = await business.providers[order.provider].create(order, account.label)
    except Unknown:
        log.warning("order_unknown", order=order.id)
        await orders.move(order.id, OrderState.CREATED, OrderState.UNKNOWN)
        return await _fresh(business, order)
    except Refused:
        await orders.move(order.id, OrderState.CREATED, OrderState.EXPIRED)
        raise
    # The notification may have come first: then the order is past this edge, and that is well.
    await orders.move(order.id, OrderState.CREATED, OrderState.PENDING, pay_uri=pay_uri)
    await tell_thread(business, order, Stage.WAITING, {"pay_uri": pay_uri})
    return await _fresh(business, order)


async def _fresh(business: Business, order: Order) -> Order:
    fresh = await business.store.orders.get(order.id)
    if fresh is None:
        raise InvariantBroken(f"order {order.id} vanished")
    return fresh
