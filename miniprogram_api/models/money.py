"""Orders, what a program needs to let the person pay, and pay-for-me links."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal

import segno
from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Account, Cursor, Fen, Given, Next, Shown, Whole, whole
from prepaid.domain.orders import MAX_TOPUP_FEN, MIN_TOPUP_FEN, Order, PayWay
from prepaid.usecases.follow_order import WAIT_S_MAX, Progress

Way = Literal["qr", "wap", "in_app"]
Amount = Annotated[
    int,
    Field(ge=MIN_TOPUP_FEN, le=MAX_TOPUP_FEN, description="In fen: 5000 is 50 yuan", examples=[5000]),
    BeforeValidator(whole),
]


class TopUpWish(Given):
    """How much, and by which way: a code to scan, a page to open, or inside the provider's app."""

    amount_fen: Amount
    provider: str = Field(min_length=1, max_length=32, examples=["wechat_pay"])
    way: Way = "in_app"


class LinkTopUpWish(Given):
    """How whoever holds a link pays. The amount only where the link leaves it open."""

    amount_fen: Amount | None = None
    provider: str = Field(min_length=1, max_length=32, examples=["wechat_pay"])
    way: Literal["qr", "wap"] = "qr"


class FollowWish(Given):
    """The stage that the caller has seen; the answer waits until there is another, at most `wait_s`."""

    seen: str | None = Field(default=None, max_length=40, examples=["waiting"])
    wait_s: int = Field(default=0, ge=0, le=int(WAIT_S_MAX))


class RequestPayment(Shown):
    """The arguments of `wx.requestPayment`, as they are."""

    timeStamp: str  # noqa: N815 - WeChat's names
    nonceStr: str  # noqa: N815
    package: str
    signType: str  # noqa: N815
    paySign: str  # noqa: N815


class PaymentOut(Shown):
    """How to pay: one of these, by the way that was asked for."""

    code_uri: str | None = Field(description="To be shown as a code")
    code_image: str | None = Field(description="The same as a picture: a data URI of an SVG")
    open_url: str | None = Field(description="To be opened")
    request_payment: RequestPayment | None = Field(description="For `wx.requestPayment`")
    trade_no: str | None = Field(description="For `my.tradePay`")


class OrderOut(Shown):
    """An order, and how far its payment has come."""

    order_id: str
    account_id: Account
    amount_fen: Fen
    provider: str
    way: Way
    state: str
    stage: str = Field(description="waiting, paid, credited, switching, power_on, credited_still_on, stuck, ...")
    ended: bool = Field(description="No more news will come")
    words: str = Field(description="The stage in words")
    created_at: datetime
    expires_at: datetime
    payment: PaymentOut | None = Field(description="While it can be paid")


class OrdersWish(Given):
    """A page of the orders."""

    limit: int = Field(default=10, ge=1, le=50)
    cursor: Cursor


class OrderLine(Shown):
    """One order in a list; follow it to know its stage and how to pay it."""

    order_id: str
    amount_fen: Fen
    provider: str
    way: Way
    state: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None


class OrdersOut(Shown):
    """Orders of an account, newest first."""

    orders: list[OrderLine]
    next: Next


class LinkLine(Shown):
    """One link that can still be paid by. Its token was shown once, when it was made."""

    link_id: str
    amount_fen: Fen | None
    expires_at: datetime


class LinksOut(Shown):
    """Links that can still be paid by, the first to end first."""

    links: list[LinkLine]


class LinkWish(Given):
    """A link by which somebody else pays. Without an amount whoever pays chooses it."""

    amount_fen: Amount | None = None
    ttl_s: Whole = Field(default=3 * 86_400, ge=600, le=30 * 86_400)


class LinkOut(Shown):
    """A fresh link. The token is its key: whoever has it may pay."""

    link_id: str
    token: str
    url: str = Field(description="The page to send to whoever pays")
    amount_fen: Fen | None
    expires_at: datetime


class LinkView(Shown):
    """What whoever holds a link sees."""

    site: str
    label: str
    amount_fen: Fen | None = Field(description="null: whoever pays chooses")
    min_fen: Fen
    max_fen: Fen
    expires_at: datetime
    providers: list[str]


class LinkProgress(Shown):
    """How far the payment by a link has come. `none`: nobody has begun to pay."""

    stage: str
    ended: bool
    words: str
    amount_fen: Fen | None


def way_of(way: Way) -> PayWay:
    """The way as the business knows it."""
    return PayWay(way)


def order_out(progress: Progress, words: str) -> OrderOut:
    """An order as the contract shows it."""
    order = progress.order
    return OrderOut(
        order_id=order.id,
        account_id=order.account_id,
        amount_fen=order.amount_fen,
        provider=order.provider,
        way=order.way.value,
        state=order.state,
        stage=progress.stage,
        ended=progress.ended,
        words=words,
        created_at=order.created_at,
        expires_at=order.expires_at,
        payment=payment_of(order) if progress.stage == "waiting" else None,
    )


def payment_of(order: Order) -> PaymentOut | None:
    """What the payer's program needs; None while the provider has not answered."""
    uri = order.pay_uri
    if uri is None:
        return None
    call = json.loads(uri) if order.way is PayWay.IN_APP else {}
    is_code = order.way is PayWay.QR
    return PaymentOut(
        code_uri=uri if is_code else None,
        code_image=code_image(uri) if is_code else None,
        open_url=uri if order.way is PayWay.WAP else None,
        request_payment=RequestPayment.model_validate(call) if "paySign" in call else None,
        trade_no=str(call["trade_no"]) if "trade_no" in call else None,
    )


def code_image(uri: str) -> str:
    """A QR code as a data URI that a page shows without asking anybody."""
    return segno.make(uri, error="m", micro=False).svg_data_uri(scale=6, border=4, dark="#111", light="#fff")
