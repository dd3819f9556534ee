"""The cash desk and refunds: the same use cases, limits and second persons as in chat (A6, A8, M5, M10)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.office import CashOut, CashWish, GivenBackOut, RefundWish, receipt_out, refund_out
from miniprogram_api.models.staff import approval_out
from prepaid.domain.approvals import Approval
from prepaid.domain.receipts import Method
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.refund import refund


async def _cash(ask: Ask) -> CashOut:
    wish = ask.body(CashWish)
    found = await cash_topup(
        ask.business,
        ask.actor,
        ask.path["account_id"],
        wish.amount_fen,
        receipt=wish.receipt,
        method=Method(wish.method),
    )
    if isinstance(found, Approval):
        return CashOut(receipt=None, approval=approval_out(found))
    return CashOut(receipt=receipt_out(found), approval=None)


async def _refund(ask: Ask) -> GivenBackOut:
    wish = ask.body(RefundWish)
    found = await refund(ask.business, ask.actor, ask.path["order_id"], wish.amount_fen, key=wish.key, why=wish.why)
    if isinstance(found, Approval):
        return GivenBackOut(refund=None, approval=approval_out(found))
    return GivenBackOut(refund=refund_out(found), approval=None)


ROUTES = (
    Route(
        method="POST",
        path="/admin/accounts/{account_id}/cash",
        name="takeCash",
        summary="Credit money that was taken over the counter or by bank",
        tag="staff",
        handle=_cash,
        body=CashWish,
        answers=CashOut,
        money=True,
    ),
    Route(
        method="POST",
        path="/admin/orders/{order_id}/refund",
        name="refundOrder",
        summary="Give back a part or all of a paid order",
        tag="staff",
        handle=_refund,
        body=RefundWish,
        answers=GivenBackOut,
        money=True,
    ),
)
