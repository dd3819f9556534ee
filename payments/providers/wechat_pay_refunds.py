"""Refunds at WeChat Pay: what is sent, and what an answer or a notification says has become of one.

Source: pay.weixin.qq.com/doc/v3/merchant, "apply for a refund", "query a refund", "refund notification".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from payments.metrics import REFUNDS_STUCK
from payments.problems import FormatProblem
from payments.providers.wechat_pay_config import WeChatPayConfig
from payments.providers.wechat_pay_notification import AMOUNT_FEN_MAX, NAME
from payments.providers.wechat_pay_ways import dump
from payments.strict_json import Document, inner, text, whole
from prepaid.domain.orders import Order
from prepaid.domain.refunds import RefundState

log = structlog.get_logger()

PATH: Final = "/v3/refund/domestic/refunds"
WITHIN: Final = timedelta(days=365)
REASON_CHARS_MAX = 80

_STATES = {
    "SUCCESS": RefundState.SUCCESS,
    "PROCESSING": RefundState.PROCESSING,
    # The payer's bank did not take it. The money has left the order all the same, and somebody has to send it on in the
    # merchant platform: to call it failed would give the credit back as well.
    "ABNORMAL": RefundState.PROCESSING,
    "CLOSED": RefundState.FAILED,
}


def refund_body(config: WeChatPayConfig, order: Order, refund_id: str, amount_fen: int, reason: str) -> bytes:
    """Always the same for the same refund: a repeat with other parameters is refused there."""
    paid_fen = order.paid_fen if order.paid_fen is not None else order.amount_fen
    # A second payment of one order has a number of its own, so the transaction is named where it is known.
    paid = {"transaction_id": order.txn_id} if order.txn_id else {"out_trade_no": order.id}
    return dump(
        {
            **paid,
            "out_refund_no": refund_id,
            "reason": reason[:REASON_CHARS_MAX],
            "notify_url": config.notify_url,
            "amount": {"refund": amount_fen, "total": paid_fen, "currency": order.currency},
        }
    )


def refund_state(document: Document, order: Order, refund_id: str, amount_fen: int | None = None) -> RefundState:
    """What an answer says. Raises `FormatProblem` if it is about anything else, or about another amount."""
    if (
        text(document, "out_refund_no", length_max=64) != refund_id
        or text(document, "out_trade_no", length_max=32) != order.id
    ):
        raise FormatProblem("other_refund")
    refunded_fen = whole(inner(document, "amount"), "refund", least=1, most=AMOUNT_FEN_MAX)
    if amount_fen is not None and refunded_fen != amount_fen:
        raise FormatProblem("other_amount")
    status = text(document, "status", length_max=32)
    if status not in _STATES:
        raise FormatProblem("new_state")
    if status == "ABNORMAL":
        REFUNDS_STUCK.labels(NAME).inc()
        log.warning("refund_stuck", provider=NAME, refund=refund_id)
    return _STATES[status]
