"""Links, orders and lost payments on the stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.effects import StartTopUp
from bot.conversations.topics.lost_payment import ClaimPayment
from bot.conversations.topics.my_orders import AskCancelOrder, CancelOrder, FollowOrder, ListOrders
from bot.conversations.topics.pay_for_me import ListPayLinks, MakePayLink, RevokePayLink
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import Stage
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.pay_links import PayLink
from prepaid.usecases.claim_payment import Claim
from prepaid.usecases.follow_order import Progress
from prepaid.usecases.pay_links import MadeLink
from tests.fakes.rights import COUNTS, SEES, TENANT, right

LINK = "0123456789abcdef0123"


def _order(stage: Any, user: str, order_id: str, account_id: str = "a101") -> Order:
    wish = StartTopUp(account_id=account_id, label="101", amount_fen=2_000)
    order: Order = stage.order(user, wish)
    if order_id != order.id:
        raise not_found()
    return order


def _link(stage: Any, account_id: str, amount_fen: int | None) -> PayLink:
    return PayLink(
        id=LINK,
        account_id=account_id,
        site_id="maple",
        made_by="p1",
        made_at=stage.now,
        expires_at=stage.now + timedelta(days=3),
        amount_fen=amount_fen,
    )


def _orders(stage: Any, user: str, effect: ListOrders) -> tuple[Order, ...]:
    if effect.account_id == "a102":
        return ()
    order = stage.order(user, StartTopUp(account_id="a101", label="101", amount_fen=2_000))
    return (order, replace(order, id="cw2611220000", amount_fen=5_000, state=OrderState.CREDITED))


def _claim(stage: Any, user: str, effect: ClaimPayment) -> Claim:
    del stage, user
    if len(effect.number) < 8:
        raise Refused("refused.txn_number")
    return Claim.CREDITED if effect.number.startswith("42") else Claim.PASSED_ON


ANSWERS = {
    MakePayLink: lambda stage, _, e: MadeLink(link=_link(stage, e.account_id, e.amount_fen), token="t0ken"),
    ListPayLinks: lambda stage, _, e: (_link(stage, e.account_id, 2_000),) if e.account_id == "a101" else (),
    RevokePayLink: lambda _, __, ___: None,
    ListOrders: _orders,
    FollowOrder: lambda stage, user, e: Progress(order=_order(stage, user, e.order_id), stage=Stage.WAITING),
    AskCancelOrder: lambda stage, user, e: _order(stage, user, e.order_id),
    CancelOrder: lambda stage, user, e: replace(_order(stage, user, e.order_id), state=OrderState.EXPIRED),
    ClaimPayment: _claim,
}
ORDER = "cw2611231830000123456789abcdef"
SCRIPTS = {
    "payforme": (("anna", "代付 50"), ("anna", "代付 0.1"), ("ben", "let someone else pay"), ("both", "代付")),
    "paylinks": (("anna", "代付链接"), ("ben", "my pay links")),
    "unlink": (("anna", f"/unlink {LINK}"), ("ben", "/unlink")),
    "orders": (("anna", "订单"), ("ben", "my orders")),
    "order": (("anna", f"/order {ORDER}"), ("ben", "/order cw404")),
    "unorder": (
        ("anna", "取消订单"),
        ("anna", f"/unorder {ORDER}"),
        ("anna", "是"),
        ("ben", f"/unorder {ORDER}"),
        ("ben", "no"),
    ),
    "claim": (
        ("anna", "充值没到账"),
        ("anna", "单号找不到"),
        ("anna", "123"),
        ("anna", "4200 0012 3456 7890"),
        ("ben", "i paid but nothing came"),
        ("ben", "9900001234567890"),
    ),
}
RIGHTS = (
    right("payforme", lambda on: MakePayLink(account_id=on.account_id), TENANT),
    right("paylinks", lambda on: ListPayLinks(account_id=on.account_id), TENANT),
    right("unlink", lambda on: RevokePayLink(link_id=on.link_id), TENANT),
    right("orders", lambda on: ListOrders(account_id=on.account_id), SEES),
    right("order", lambda on: FollowOrder(order_id=on.order_id), SEES),
    right("unorder", lambda on: AskCancelOrder(order_id=on.order_id), SEES),
    right("unorder", lambda on: CancelOrder(order_id=on.order_id), TENANT),
    right("claim", lambda on: ClaimPayment(account_id=on.account_id, number="4200001234567890"), TENANT | COUNTS),
)
