"""The refunds of the WeChat Pay sandbox and the rules of the real one; kept in a small file across restarts."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.keys import write_private
from sandbox.wechat_pay_orders import ApiError, OrderBook, SandboxOrder

OUT_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
REFUNDS_OF_ORDER_MAX = 50
REFUNDS_MAX = 2000
GAP = timedelta(minutes=1)
WITHIN = timedelta(days=365)
REASON_CHARS_MAX = 80


@dataclass(slots=True, kw_only=True)
class SandboxRefund:
    """One refund as WeChat Pay would hold it."""

    out_refund_no: str
    out_trade_no: str
    transaction_id: str
    refund_id: str
    mchid: str
    refund: int
    total: int
    currency: str
    reason: str
    notify_url: str
    created_at: str
    status: str = "PROCESSING"
    success_time: str = ""
    notification_id: str = ""
    notified: bool = False

    def parameters(self) -> tuple[object, ...]:
        """What must be the same when the refund is asked for again."""
        return (self.transaction_id, self.refund, self.total, self.currency, self.reason)


class RefundBook:
    """All refunds, by their number."""

    def __init__(self, path: Path, orders: OrderBook) -> None:
        self._path = path
        self._orders = orders
        self._refunds: dict[str, SandboxRefund] = {}
        if path.exists():
            for row in json.loads(path.read_text(encoding="utf-8")):
                self._refunds[row["out_refund_no"]] = SandboxRefund(**row)

    def save(self) -> None:
        """Writes all refunds in one step."""
        rows = [asdict(refund) for refund in self._refunds.values()]
        write_private(self._path, json.dumps(rows, ensure_ascii=False))

    def all(self) -> list[SandboxRefund]:
        """Every refund, oldest first."""
        return list(self._refunds.values())

    def get(self, out_refund_no: str) -> SandboxRefund:
        """The refund with that number."""
        refund = self._refunds.get(out_refund_no)
        if refund is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "no such refund")
        return refund

    def place(self, document: dict[str, Any], now: datetime) -> tuple[SandboxRefund, bool]:
        """Takes a refund on, or finds the one of this number; and whether it is new. Raises `ApiError`."""
        order = self._order(document)
        wanted = _read(document, order, now)
        held = self._refunds.get(wanted.out_refund_no)
        if held is not None:
            if held.parameters() != wanted.parameters():
                raise ApiError(400, "INVALID_REQUEST", "the parameters differ from the first request")
            return held, False
        self._check(order, wanted, now)
        if len(self._refunds) >= REFUNDS_MAX:
            self._refunds.pop(next(iter(self._refunds)))
        self._refunds[wanted.out_refund_no] = wanted
        order.state = "REFUND"
        self._orders.save()
        self.save()
        return wanted, True

    def end(self, refund: SandboxRefund, status: str, now: datetime) -> None:
        """The last word: SUCCESS, CLOSED, or ABNORMAL, which somebody may end later."""
        if refund.status not in {"PROCESSING", "ABNORMAL"} or status not in {"SUCCESS", "CLOSED", "ABNORMAL"}:
            raise ApiError(409, "INVALID_REQUEST", "the refund has ended")
        refund.status = status
        refund.success_time = now.isoformat(timespec="seconds") if status == "SUCCESS" else ""
        refund.notification_id = f"RF-{now:%Y%m%d%H%M%S}{secrets.token_hex(8)}"
        refund.notified = False
        if status == "CLOSED" and not self._of(refund.transaction_id):
            self._orders.get(refund.out_trade_no).state = "SUCCESS"
            self._orders.save()
        self.save()

    def _of(self, transaction_id: str) -> list[SandboxRefund]:
        """What of a transaction goes or went back."""
        return [r for r in self._refunds.values() if r.transaction_id == transaction_id and r.status != "CLOSED"]

    def _order(self, document: dict[str, Any]) -> SandboxOrder:
        if document.get("transaction_id"):
            return self._orders.by_transaction(str(document["transaction_id"]))
        return self._orders.get(str(document.get("out_trade_no", "")))

    def _check(self, order: SandboxOrder, wanted: SandboxRefund, now: datetime) -> None:
        others = self._of(order.transaction_id)
        if now - datetime.fromisoformat(order.success_time) > WITHIN:
            raise ApiError(400, "INVALID_REQUEST", "the payment is more than 365 days old")
        if len(others) >= REFUNDS_OF_ORDER_MAX or sum(r.refund for r in others) + wanted.refund > order.total:
            raise ApiError(400, "INVALID_REQUEST", "more than is left of the order, or too many refunds of it")
        if any(now - datetime.fromisoformat(other.created_at) < GAP for other in others):
            raise ApiError(429, "FREQUENCY_LIMITED", "a minute between two refunds of one order")


def _read(document: dict[str, Any], order: SandboxOrder, now: datetime) -> SandboxRefund:
    """Checks a request as strictly as the real API does."""
    if not order.transaction_id:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "the order is not paid")
    number, reason, amount = document.get("out_refund_no"), document.get("reason", ""), document.get("amount")
    if not isinstance(number, str) or not OUT_REFUND_NO.fullmatch(number):
        raise ApiError(400, "PARAM_ERROR", "out_refund_no")
    if not isinstance(reason, str) or len(reason) > REASON_CHARS_MAX:
        raise ApiError(400, "PARAM_ERROR", "reason")
    if not isinstance(amount, dict) or type(amount.get("refund")) is not int or amount["refund"] < 1:
        raise ApiError(400, "PARAM_ERROR", "amount.refund")
    if amount.get("total") != order.total or amount.get("currency") != order.currency:
        raise ApiError(400, "INVALID_REQUEST", "amount.total or amount.currency")
    return SandboxRefund(
        out_refund_no=number,
        out_trade_no=order.out_trade_no,
        transaction_id=order.transaction_id,
        refund_id=f"50000{now:%Y%m%d%H%M%S}{secrets.randbelow(10**9):09d}",
        mchid=order.mchid,
        refund=amount["refund"],
        total=order.total,
        currency=order.currency,
        reason=reason,
        notify_url=str(document.get("notify_url") or order.notify_url),
        created_at=now.isoformat(timespec="seconds"),
    )


def shown(refund: SandboxRefund) -> dict[str, Any]:
    """A refund as answers show it."""
    document: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": refund.created_at,
        "status": refund.status,
        "funds_account": "AVAILABLE",
        "amount": _amount(refund)
        | {"settlement_refund": refund.refund, "settlement_total": refund.total, "discount_refund": 0},
    }
    return document | ({"success_time": refund.success_time} if refund.success_time else {})


def told(refund: SandboxRefund) -> dict[str, Any]:
    """A refund as notifications tell it: other fields than an answer's, and neither appid nor trade state."""
    document: dict[str, Any] = {
        "mchid": refund.mchid,
        "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.status,
        "user_received_account": "支付用户零钱",
        "amount": _amount(refund),
    }
    return document | ({"success_time": refund.success_time} if refund.success_time else {})


def _amount(refund: SandboxRefund) -> dict[str, Any]:
    return {
        "total": refund.total,
        "refund": refund.refund,
        "payer_total": refund.total,
        "payer_refund": refund.refund,
        "currency": refund.currency,
    }
