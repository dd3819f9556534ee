"""A person asks to pay: the order row first, then the provider, so that no payment can be without its order."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.orders import ORDER_TTL_S, Order, PayWay, check_amount
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.open_order import open_order


async def start_topup(
    business: Business,
    actor: Actor,
    account_id: str,
    amount_fen: int,
    *,
    provider: str,
    way: PayWay = PayWay.QR,
    payer: str | None = None,
    payer_ip: str | None = None,
) -> Order:
    """Opens an order and asks the provider for it. The same wish again, while it can be paid, is the same order.

    Returns it pending with a `pay_uri`, or unknown when the provider did not answer in time (the janitor asks).
    Raises `Refused` for a wrong amount, a closed or foreign account, an unknown provider, a way without its payer;
    `TryAgain` when the provider cannot be reached.
    """
    account = await reach_account(business, actor, account_id, Action.TOP_UP)
    check_amount(amount_fen)
    if account.status is not AccountStatus.OPEN:
        raise Refused("refused.account_closed")
    if provider not in business.providers:
        raise Refused("refused.provider_unknown")
    if way is PayWay.IN_APP and not payer:
        raise Refused("refused.payer_missing")
    site, now = await site_of(business, account), business.clock.now()
    wish = Order(
        id="",
        account_id=account.id,
        site_id=account.site_id,
        person_id=actor.id,
        provider=provider,
        amount_fen=amount_fen,
        created_at=now,
        expires_at=now + timedelta(seconds=ORDER_TTL_S),
        currency=site.currency,
        way=way,
        payer=payer,
        payer_ip=payer_ip,
    )
    return await open_order(business, account, wish)
