"""The desk's day and what puts money right: the same use cases, limits and second persons as in chat (A6, M14)."""

from __future__ import annotations

from miniprogram_api.contract import Ask
from miniprogram_api.models.desk import (
    AdjustWish,
    ArrearsOut,
    CorrectedOut,
    DeskDayOut,
    DeskWish,
    NextReceiptOut,
    RefundableOut,
    ReversibleOut,
    VoidWish,
    WhyWish,
    debt_out,
    desk_out,
    refundable_out,
    waiting,
)
from miniprogram_api.routes.accounts import entry_said, seq_of
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.approvals import Approval
from prepaid.domain.ledger import Entry
from prepaid.domain.money import micro_from_fen
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.arrears import arrears
from prepaid.usecases.cash_desk import desk_day_back, receipt_for, void_receipt
from prepaid.usecases.refundable import refundable
from prepaid.usecases.reverse_entry import reverse_line, reversible


async def _next_receipt(ask: Ask) -> NextReceiptOut:
    return NextReceiptOut(receipt=await receipt_for(ask.business, ask.actor, ask.path["account_id"]))


async def _day(ask: Ask) -> DeskDayOut:
    days_back = ask.query(DeskWish).days_back
    return desk_out(await desk_day_back(ask.business, ask.actor, ask.path["site_id"], days_back))


async def _void(ask: Ask) -> CorrectedOut:
    wish = ask.body(VoidWish)
    found = await void_receipt(ask.business, ask.actor, ask.path["account_id"], wish.receipt, why=wish.why)
    return _corrected(ask, found)


async def _adjust(ask: Ask) -> CorrectedOut:
    wish = ask.body(AdjustWish)
    found = await adjust(
        ask.business,
        ask.actor,
        ask.path["account_id"],
        micro_from_fen(wish.amount_fen),
        key=wish.key,
        cause=Cause(wish.cause),
        why=wish.why,
    )
    return _corrected(ask, found)


async def _reversible(ask: Ask) -> ReversibleOut:
    found = await reversible(ask.business, ask.actor, ask.path["account_id"])
    return ReversibleOut(entries=[entry_said(ask, each) for each in found])


async def _reverse(ask: Ask) -> CorrectedOut:
    why = ask.body(WhyWish).why
    found = await reverse_line(ask.business, ask.actor, ask.path["account_id"], seq_of(ask), why=why)
    return _corrected(ask, found)


async def _refundable(ask: Ask) -> RefundableOut:
    found = await refundable(ask.business, ask.actor, ask.path["account_id"])
    return RefundableOut(orders=[refundable_out(each) for each in found])


async def _arrears(ask: Ask) -> ArrearsOut:
    return ArrearsOut(debts=[debt_out(each) for each in await arrears(ask.business, ask.actor)])


def _corrected(ask: Ask, found: Entry | Approval) -> CorrectedOut:
    if isinstance(found, Approval):
        return waiting(found)
    return CorrectedOut(entry=entry_said(ask, found), approval=None)


_ACCOUNT = "accounts/{account_id}"
ROUTES = (
    staff_read(
        f"{_ACCOUNT}/next-receipt",
        "getNextReceipt",
        "A receipt's number that is free now",
        _next_receipt,
        NextReceiptOut,
    ),
    staff_read(
        "sites/{site_id}/desk",
        "getDeskDay",
        "What the desk took on a day, to count the drawer against",
        _day,
        DeskDayOut,
        query=DeskWish,
    ),
    staff_write(
        f"{_ACCOUNT}/void-receipt",
        "voidReceipt",
        "Reverse what a receipt entered",
        _void,
        CorrectedOut,
        body=VoidWish,
        money=True,
    ),
    staff_write(
        f"{_ACCOUNT}/adjustments",
        "adjustBalance",
        "Move the balance by a sum, with a cause and a reason",
        _adjust,
        CorrectedOut,
        body=AdjustWish,
        money=True,
    ),
    staff_read(
        f"{_ACCOUNT}/reversible",
        "listReversible",
        "Entries that a correction may reverse",
        _reversible,
        ReversibleOut,
    ),
    staff_write(
        f"{_ACCOUNT}/entries/{{seq}}/reversal",
        "reverseEntry",
        "Reverse one entry whole, once for ever",
        _reverse,
        CorrectedOut,
        body=WhyWish,
        money=True,
    ),
    staff_read(
        f"{_ACCOUNT}/refundable",
        "listRefundable",
        "Paid orders of which something can go back",
        _refundable,
        RefundableOut,
    ),
    staff_read("arrears", "listArrears", "Accounts within reach that owe", _arrears, ArrearsOut),
)
