"""Top-up orders: their states, the only allowed edges, and what a verified payment means for one.

The row exists before the provider is called. A timeout is `unknown` and is left only by asking the provider (M9). Paid
money on an expired order still reaches the account (M8); a payment that differs from its order is `disputed` (M6).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.errors import Refused

MIN_TOPUP_FEN = 100
MAX_TOPUP_FEN = 500_000
ORDER_TTL_S = 2 * 3600
REUSE_LEAST = timedelta(minutes=5)
"""An order that ends sooner is closed and followed by a new one, for nobody can pay in its last moments."""
MOST_OPEN = 20
"""Open orders of one account."""


class OrderState(StrEnum):
    """Where an order stands."""

    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    PAID = "paid"
    CREDITED = "credited"
    EXPIRED = "expired"
    DISPUTED = "disputed"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class PayWay(StrEnum):
    """How the payer gets to the provider."""

    QR = "qr"
    """A code to scan (WeChat Pay Native, Alipay precreate)."""
    WAP = "wap"
    """A page to open in a phone's browser (WeChat Pay H5, Alipay WAP)."""
    IN_APP = "in_app"
    """Inside the provider's own app (WeChat Pay JSAPI and mini-program, Alipay trade.create)."""


_S = OrderState
ALLOWED: dict[OrderState, frozenset[OrderState]] = {
    _S.CREATED: frozenset({_S.PENDING, _S.UNKNOWN, _S.PAID, _S.EXPIRED, _S.DISPUTED}),
    _S.PENDING: frozenset({_S.UNKNOWN, _S.PAID, _S.EXPIRED, _S.DISPUTED}),
    _S.UNKNOWN: frozenset({_S.PENDING, _S.PAID, _S.EXPIRED, _S.DISPUTED}),
    _S.EXPIRED: frozenset({_S.PAID, _S.DISPUTED}),
    _S.PAID: frozenset({_S.CREDITED}),
    _S.CREDITED: frozenset({_S.REFUNDING}),
    _S.DISPUTED: frozenset({_S.PAID, _S.REFUNDING}),
    _S.REFUNDING: frozenset({_S.REFUNDED, _S.CREDITED, _S.DISPUTED}),
    _S.REFUNDED: frozenset(),
}
UNSETTLED = frozenset({_S.UNKNOWN, _S.PAID})
"""Money may be on its way: no cut-off while an order is here (S3)."""
OPEN = frozenset({_S.CREATED, _S.PENDING, _S.UNKNOWN})
"""The provider is still asked about these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One wish to top up. `id` is the provider's out_trade_no: 6-32 of `[0-9A-Za-z_-]`."""

    id: str
    account_id: str
    site_id: str
    person_id: str
    provider: str
    amount_fen: int
    created_at: datetime
    expires_at: datetime
    currency: str = "CNY"
    state: OrderState = OrderState.CREATED
    way: PayWay = PayWay.QR
    payer: str | None = None
    """The payer's id at the provider, for `IN_APP` (WeChat's openid, Alipay's buyer id)."""
    payer_ip: str | None = None
    """The payer's address, for `WAP`: WeChat Pay wants it."""
    pay_uri: str | None = None
    """What the payer scans or opens (Native: `weixin://wxpay/...`); for `IN_APP` the call's parameters as JSON."""
    txn_id: str | None = None
    paid_at: datetime | None = None
    dispute: str | None = None
    """Text key that says why the payment differs from the order."""
    asked_at: datetime | None = None
    """When the provider was last asked."""
    questions: int = 0
    ask_at: datetime | None = None
    """When the provider is asked next; None: at once."""
    link_id: str | None = None
    """The pay-for-me link that it was opened by."""
    paid_fen: int | None = None
    """What a disputed payment was really worth."""
    refunded_fen: int = 0
    refund_id: str | None = None
    """The refund under way: one at a time."""
    refund_ids: tuple[str, ...] = ()
    """Every refund that was ever begun: none begins twice."""
    refund_sent_at: datetime | None = None
    """When the last of them was sent to the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a provider said about one payment, verified and put in our words. Amounts in fen."""

    provider: str
    merchant_id: str
    app_id: str
    order_id: str
    txn_id: str
    amount_fen: int
    currency: str
    paid_at: datetime
    success: bool = True


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who we are at a provider: a payment for anybody else is disputed."""

    provider: str
    merchant_id: str
    app_id: str


def new_order_id(now: datetime, *, wish: str = "", after: str = "") -> str:
    """An out_trade_no of 30 `[0-9a-z]`: the date, then random, or made from a wish and the order that it comes after.

    The same wish sent twice at once comes to the same number, and so to one order.
    """
    tail = hashlib.sha256(f"{wish}\n{after}".encode()).hexdigest()[:22] if wish else secrets.token_hex(11)
    return f"cw{now:%y%m%d}{tail}"


def wish_of(order: Order) -> str:
    """What makes two orders the same wish: who pays what for which account, how."""
    parts = (
        order.person_id,
        order.account_id,
        order.provider,
        order.way,
        str(order.amount_fen),
        order.currency,
        order.payer or "",
        order.link_id or "",
    )
    return "\n".join(parts)


def payable(order: Order, now: datetime) -> bool:
    """Whether the order can be shown to its payer again."""
    return order.state in OPEN and now < order.expires_at - REUSE_LEAST


def check_amount(amount_fen: int) -> int:
    """Returns a top-up amount that is allowed, or raises `Refused("refused.amount_range")`."""
    if not MIN_TOPUP_FEN <= amount_fen <= MAX_TOPUP_FEN:
        raise Refused("refused.amount_range", min_fen=MIN_TOPUP_FEN, max_fen=MAX_TOPUP_FEN)
    return amount_fen


def check_edge(old: OrderState, new: OrderState) -> None:
    """Raises `Refused("refused.order_edge")` for a step that orders may not take (M8)."""
    if new not in ALLOWED[old]:
        raise Refused("refused.order_edge", old=old, new=new)


def difference(order: Order, payment: Payment, merchant: Merchant) -> str | None:
    """Why `payment` must not be credited to `order`, as a text key, or None when it matches (M6)."""
    if (payment.merchant_id, payment.app_id) != (merchant.merchant_id, merchant.app_id):
        return "dispute.merchant"
    if payment.provider != order.provider:
        return "dispute.provider"
    if payment.currency != order.currency:
        return "dispute.currency"
    if payment.amount_fen != order.amount_fen:
        return "dispute.amount"
    return None


def question_due_s(questions: int) -> int:
    """Seconds to wait before asking a provider again: every 30 s for ten minutes, then slower, up to an hour."""
    ten_minutes = 20
    if questions < ten_minutes:
        return 30
    return min(3600, 60 << min(questions - ten_minutes, 6))
