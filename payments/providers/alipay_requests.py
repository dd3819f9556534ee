"""What we ask Alipay for, in the classes of Alipay's own SDK: they know the field's official names.

Only the modules that are needed are imported, and only when the provider is built: the SDK has 36,000. Its client is
not used: it signs for 23 ms in pure Python, takes no gateway with a port, and believes SHA-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from alipay.aop.api.domain.AlipayDataDataserviceBillDownloadurlQueryModel import (
    AlipayDataDataserviceBillDownloadurlQueryModel,
)
from alipay.aop.api.domain.AlipayTradeCancelModel import AlipayTradeCancelModel
from alipay.aop.api.domain.AlipayTradeCloseModel import AlipayTradeCloseModel
from alipay.aop.api.domain.AlipayTradeCreateModel import AlipayTradeCreateModel
from alipay.aop.api.domain.AlipayTradeFastpayRefundQueryModel import AlipayTradeFastpayRefundQueryModel
from alipay.aop.api.domain.AlipayTradePrecreateModel import AlipayTradePrecreateModel
from alipay.aop.api.domain.AlipayTradeQueryModel import AlipayTradeQueryModel
from alipay.aop.api.domain.AlipayTradeRefundModel import AlipayTradeRefundModel
from alipay.aop.api.domain.AlipayTradeWapPayModel import AlipayTradeWapPayModel
from alipay.aop.api.request.AlipayDataDataserviceBillDownloadurlQueryRequest import (
    AlipayDataDataserviceBillDownloadurlQueryRequest,
)
from alipay.aop.api.request.AlipayTradeCancelRequest import AlipayTradeCancelRequest
from alipay.aop.api.request.AlipayTradeCloseRequest import AlipayTradeCloseRequest
from alipay.aop.api.request.AlipayTradeCreateRequest import AlipayTradeCreateRequest
from alipay.aop.api.request.AlipayTradeFastpayRefundQueryRequest import AlipayTradeFastpayRefundQueryRequest
from alipay.aop.api.request.AlipayTradePrecreateRequest import AlipayTradePrecreateRequest
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest
from alipay.aop.api.request.AlipayTradeRefundRequest import AlipayTradeRefundRequest
from alipay.aop.api.request.AlipayTradeWapPayRequest import AlipayTradeWapPayRequest

from payments.providers.alipay_config import AlipayConfig
from payments.providers.alipay_words import china_time, yuan
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.orders import Order

SUBJECT_CHARS_MAX = 256
REASON_CHARS_MAX = 256
BUYER_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Call:
    """One request before it is signed."""

    method: str
    parameters: Mapping[str, str]

    @property
    def answer_name(self) -> str:
        """Under which name the gateway answers."""
        return f"{self.method.replace('.', '_')}_response"


def precreate(config: AlipayConfig, order: Order, subject: str) -> Call:
    """A code to scan. Until somebody scans it, Alipay knows no trade of this number."""
    model = _filled(AlipayTradePrecreateModel(), **_ordered(order, subject))
    return _call(AlipayTradePrecreateRequest(biz_model=model), notify_url=config.notify_url)


def wap_page(config: AlipayConfig, order: Order, subject: str) -> Call:
    """A page to open on a phone; its signed URL is all there is."""
    model = _filled(AlipayTradeWapPayModel(), product_code="QUICK_WAP_WAY", **_ordered(order, subject))
    back = {"return_url": config.return_url} if config.return_url else {}
    return _call(AlipayTradeWapPayRequest(biz_model=model), notify_url=config.notify_url, **back)


def create(config: AlipayConfig, order: Order, subject: str, payer: str) -> Call:
    """A trade for a known payer, paid by `my.tradePay` in Alipay's app."""
    by_number = len(payer) == BUYER_DIGITS and payer.isdigit() and payer.startswith("2088")
    model = _filled(
        AlipayTradeCreateModel(),
        product_code="JSAPI_PAY",
        op_app_id=config.mini_app_id or config.app_id,
        **{"buyer_id" if by_number else "buyer_open_id": payer},
        **_ordered(order, subject),
    )
    return _call(AlipayTradeCreateRequest(biz_model=model), notify_url=config.notify_url)


def query(order_id: str) -> Call:
    """A trade by our number."""
    return _call(AlipayTradeQueryRequest(biz_model=_filled(AlipayTradeQueryModel(), out_trade_no=order_id)))


def query_by_number(txn_id: str) -> Call:
    """A trade by Alipay's number."""
    return _call(AlipayTradeQueryRequest(biz_model=_filled(AlipayTradeQueryModel(), trade_no=txn_id)))


def close(order_id: str) -> Call:
    """An unpaid trade becomes unpayable."""
    return _call(AlipayTradeCloseRequest(biz_model=_filled(AlipayTradeCloseModel(), out_trade_no=order_id)))


def cancel(order_id: str) -> Call:
    """A trade becomes unpayable, and what was paid goes back."""
    return _call(AlipayTradeCancelRequest(biz_model=_filled(AlipayTradeCancelModel(), out_trade_no=order_id)))


def refund(order_id: str, refund_id: str, amount_fen: int, reason: str) -> Call:
    """Money goes back, once for each refund number."""
    model = _filled(
        AlipayTradeRefundModel(),
        out_trade_no=order_id,
        out_request_no=refund_id,
        refund_amount=yuan(amount_fen),
        refund_reason=_plain(reason, REASON_CHARS_MAX),
    )
    return _call(AlipayTradeRefundRequest(biz_model=model))


def refund_query(order_id: str, refund_id: str) -> Call:
    """What has become of a refund."""
    model = _filled(AlipayTradeFastpayRefundQueryModel(), out_trade_no=order_id, out_request_no=refund_id)
    return _call(AlipayTradeFastpayRefundQueryRequest(biz_model=model))


def bill(day: date) -> Call:
    """Where the bill of a day can be fetched, for 30 s."""
    model = _filled(AlipayDataDataserviceBillDownloadurlQueryModel(), bill_type="trade", bill_date=day.isoformat())
    return _call(AlipayDataDataserviceBillDownloadurlQueryRequest(biz_model=model))


def _ordered(order: Order, subject: str) -> dict[str, str]:
    """Always the same for the same order, and always with an end: a code without one stays payable for long."""
    return {
        "out_trade_no": order.id,
        "total_amount": yuan(order.amount_fen),
        "subject": _plain(subject, SUBJECT_CHARS_MAX) or order.id,
        "time_expire": china_time(order.expires_at),
    }


def _plain(words: str, length_max: int) -> str:
    """Without the characters that Alipay refuses in a subject."""
    return "".join(" " if each in "/=&" or not each.isprintable() else each for each in words)[:length_max].strip()


def _filled(model: Any, **fields: str) -> Any:
    """The SDK would take a misspelt name in silence and never send it."""
    for name, value in fields.items():
        if not hasattr(type(model), name):
            raise InvariantBroken(f"{type(model).__name__} has no {name}")
        setattr(model, name, value)
    return model


def _call(request: Any, **addresses: str) -> Call:
    _filled(request, **addresses)
    parameters: dict[str, str] = request.get_params()
    return Call(parameters["method"], {name: value for name, value in parameters.items() if value})
