"""What a desk counts and what it puts right: the day's receipts, adjustments, reversals, debts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Account, Fen, Given, Micro, Shown, whole
from miniprogram_api.models.office import ReceiptOut, receipt_out
from miniprogram_api.models.staff import ApprovalOut, approval_out
from miniprogram_api.models.tenant import EntryOut
from prepaid.domain.approvals import Approval
from prepaid.domain.money import MAX_FEN
from prepaid.domain.orders import Order
from prepaid.domain.receipts import DeskDay, Method
from prepaid.domain.refunds import left_fen
from prepaid.usecases.arrears import Debt

MOST_DAYS_BACK = 366
METHODS = (Method.CASH, Method.BANK)
Why = Annotated[str, Field(min_length=1, max_length=200, examples=["the meter was read wrongly"])]
Signed = Annotated[
    int,
    Field(ge=-MAX_FEN, le=MAX_FEN, description="In fen, signed: -500 takes 5 yuan", examples=[-500]),
    BeforeValidator(whole),
]


class NextReceiptOut(Shown):
    """A receipt's number that is free now; it is spent when money is taken under it."""

    receipt: str = Field(examples=["20261125-0007"])


class DeskWish(Given):
    """Which day: today on the site's calendar, or so many days before."""

    days_back: int = Field(default=0, ge=0, le=MOST_DAYS_BACK)


class DeskLine(Shown):
    """One receipt of the day. `voided`: its entry was reversed since."""

    receipt: ReceiptOut
    taken_by: str
    voided: bool


class DeskDayOut(Shown):
    """A day of the desk: what the drawer and the bank are counted against. Sums leave out what was voided."""

    site_id: str
    name: str
    day: str = Field(examples=["2026-11-25"])
    currency: str
    cash_fen: Fen
    bank_fen: Fen
    voided_fen: Fen
    lines: list[DeskLine]


class VoidWish(Given):
    """Which receipt of the account is void, and why."""

    receipt: str = Field(min_length=1, max_length=40, examples=["20261125-0007"])
    why: Why


class AdjustWish(Given):
    """By how much the balance is moved, for what cause and why. The same key moves it once."""

    amount_fen: Signed
    cause: Literal["goodwill", "meter_fault", "billing_error", "write_off", "opening", "other"]
    key: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["fault-17"])
    why: Why


class WhyWish(Given):
    """Why."""

    why: Why


class CorrectedOut(Shown):
    """The new entry; or, above the site's limit, the request that a second person decides."""

    entry: EntryOut | None
    approval: ApprovalOut | None


class ReversibleOut(Shown):
    """Entries that a correction may reverse and that none has reversed, newest first."""

    entries: list[EntryOut]


class RefundableLine(Shown):
    """An order of which something can go back to whoever paid."""

    order_id: str
    amount_fen: Fen
    left_fen: Fen = Field(description="What has not gone back yet; spent credit is not given back")
    provider: str
    paid_at: datetime | None


class RefundableOut(Shown):
    """Paid orders of an account, newest first."""

    orders: list[RefundableLine]


class DebtLine(Shown):
    """One account below zero."""

    account_id: Account
    label: str
    site_id: str
    balance_micro: Micro
    off: bool
    protected: bool


class ArrearsOut(Shown):
    """Every account within reach that owes, the deepest first."""

    debts: list[DebtLine]


def desk_out(day: DeskDay) -> DeskDayOut:
    """One day."""
    cash, bank = (day.sum_fen(method) for method in METHODS)
    return DeskDayOut(
        site_id=day.site_id,
        name=day.site_name,
        day=day.day,
        currency=day.currency,
        cash_fen=cash,
        bank_fen=bank,
        voided_fen=day.voided_fen,
        lines=[
            DeskLine(receipt=receipt_out(each.receipt), taken_by=each.receipt.taken_by, voided=each.voided)
            for each in day.taken
        ],
    )


def waiting(approval: Approval) -> CorrectedOut:
    """Nothing was entered yet."""
    return CorrectedOut(entry=None, approval=approval_out(approval))


def refundable_out(order: Order) -> RefundableLine:
    """One order."""
    return RefundableLine(
        order_id=order.id,
        amount_fen=order.amount_fen,
        left_fen=left_fen(order),
        provider=order.provider,
        paid_at=order.paid_at,
    )


def debt_out(debt: Debt) -> DebtLine:
    """One debt."""
    return DebtLine.model_validate(debt, from_attributes=True)
