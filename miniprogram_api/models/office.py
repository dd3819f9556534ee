"""Money that the staff takes over the counter and gives back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Account, Fen, Given, Shown, whole
from miniprogram_api.models.staff import ApprovalOut
from prepaid.domain.money import MAX_FEN
from prepaid.domain.receipts import Receipt
from prepaid.domain.refunds import Refund

Taken = Annotated[
    int, Field(gt=0, le=MAX_FEN, description="In fen: 5000 is 50 yuan", examples=[5000]), BeforeValidator(whole)
]


class CashWish(Given):
    """What was taken. The same receipt number with the same account and amount is credited once."""

    amount_fen: Taken
    receipt: str = Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z][0-9A-Za-z_./-]*$", examples=["A-0017"])
    method: Literal["cash", "bank"] = "cash"


class ReceiptOut(Shown):
    """Money that was credited."""

    receipt: str
    account_id: Account
    amount_fen: Fen
    method: str
    taken_at: datetime


class CashOut(Shown):
    """The receipt; or, above the site's limit, the request that a second person decides."""

    receipt: ReceiptOut | None
    approval: ApprovalOut | None


class RefundWish(Given):
    """How much of an order goes back, why, and a key: the same key gives back once, whoever repeats it."""

    amount_fen: Taken
    key: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["desk-1"])
    why: str = Field(min_length=1, max_length=200, examples=["paid twice"])


class RefundOut(Shown):
    """How far a refund has come: `debited` is at the provider."""

    refund_id: str
    order_id: str
    account_id: Account
    amount_fen: Fen
    step: str


class GivenBackOut(Shown):
    """The refund; or, above the site's limit, the request that a second person decides."""

    refund: RefundOut | None
    approval: ApprovalOut | None


def receipt_out(receipt: Receipt) -> ReceiptOut:
    """One receipt."""
    return ReceiptOut(
        receipt=receipt.number,
        account_id=receipt.account_id,
        amount_fen=receipt.amount_fen,
        method=receipt.method,
        taken_at=receipt.taken_at,
    )


def refund_out(refund: Refund) -> RefundOut:
    """One refund."""
    return RefundOut(
        refund_id=refund.id,
        order_id=refund.order_id,
        account_id=refund.account_id,
        amount_fen=refund.amount_fen,
        step=refund.step,
    )
