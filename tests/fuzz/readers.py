"""Every reader of what a payment provider sends, as functions of bytes: each gives a value or a `NotificationProblem`.

Seals are taken as right, because what lies behind them must be read as strictly; seals have fuzz tests of their own. A
provider that is there must have the readers that are named here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from payments.problems import NotificationProblem
from payments.providers import names
from payments.providers.wechat_pay_bills import read_fund_flow, read_trade_bill
from payments.providers.wechat_pay_certificates import open_certificates
from payments.providers.wechat_pay_crypto import Verifier
from payments.providers.wechat_pay_notification import NotificationReader, refund_number, transaction
from payments.strict_json import parse_object

KEY = b"k" * 32
NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 24)
SECRET_NONCE = "012345678901"

Reader = Callable[[bytes], object]


class Believer(Verifier):
    """Takes every seal for right."""

    def __init__(self) -> None:
        super().__init__({})

    def check(self, headers: Mapping[str, str], raw: bytes, *, now_s: float) -> None:
        del headers, raw, now_s

    def check_notification(self, fields: object) -> None:
        """The same for forms."""
        del fields


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def sealed(event: bytes, plaintext: bytes) -> bytes:
    """A notification of that event whose resource opens to any bytes at all."""
    ciphertext = AESGCM(KEY).encrypt(SECRET_NONCE.encode(), plaintext, b"")
    return json.dumps(
        {
            "id": "EV-1",
            "event_type": event.decode(),
            "resource": {
                "algorithm": "AEAD_AES_256_GCM",
                "nonce": SECRET_NONCE,
                "ciphertext": base64.b64encode(ciphertext).decode(),
            },
        }
    ).encode()


_WECHAT_PAY = NotificationReader(verifier=Believer(), api_v3_key=KEY, clock=Still())


def _wechat_pay() -> dict[str, Reader]:
    return {
        "wechat_pay envelope": lambda raw: _WECHAT_PAY.read({}, raw),
        "wechat_pay payment": lambda raw: _WECHAT_PAY.read({}, sealed(b"TRANSACTION.SUCCESS", raw)),
        "wechat_pay refund news": lambda raw: _WECHAT_PAY.read({}, sealed(b"REFUND.SUCCESS", raw)),
        "wechat_pay transaction": lambda raw: transaction(parse_object(raw)),
        "wechat_pay refund": lambda raw: refund_number(parse_object(raw)),
        "wechat_pay certificates": lambda raw: open_certificates(KEY, raw, NOW),
        "wechat_pay trade bill": lambda raw: read_trade_bill(raw, DAY),
        "wechat_pay fund flow": read_fund_flow,
    }


def _alipay() -> dict[str, Reader]:
    """By name, since it is built apart: what is missing here fails loudly."""
    providers = "payments.providers.alipay_"
    notification, bill = import_module(f"{providers}notification"), import_module(f"{providers}bill")
    take_apart: Any = import_module(f"{providers}crypto").take_apart
    reader = notification.NotificationReader(verifier=Believer(), clock=Still())
    return {
        "alipay form": reader.read,
        "alipay bill": lambda raw: bill.read_bill(raw, DAY),
        "alipay answer": lambda raw: take_apart(raw, ("alipay_trade_query_response", "error_response")),
    }


READERS: dict[str, Reader] = _wechat_pay() | (_alipay() if "alipay" in names() else {})


def read(name: str, raw: bytes) -> object | None:
    """What a reader makes of the bytes; None for a `NotificationProblem`. Anything else that is raised is a bug."""
    with suppress(NotificationProblem):
        return READERS[name](raw)
    return None


TRANSACTION = {
    "appid": "wx0123456789abcdef",
    "mchid": "1900000109",
    "out_trade_no": "cw2611251200000123456789abcdef",
    "transaction_id": "4200000000202611250000000000",
    "trade_state": "SUCCESS",
    "success_time": "2026-11-25T12:00:00+08:00",
    "amount": {"total": 2000, "currency": "CNY"},
}
REFUND = {
    "mchid": "1900000109",
    "out_trade_no": "cw2611251200000123456789abcdef",
    "transaction_id": "4200000000202611250000000000",
    "out_refund_no": "rf1",
    "refund_id": "5000000000202611250000000000",
    "refund_status": "SUCCESS",
    "amount": {"total": 2000, "refund": 500},
}
FORM = (
    b"notify_type=trade_status_sync&notify_id=1&app_id=2021&charset=utf-8&sign_type=RSA2&sign=AAAA&trade_no=20261125"
    b"&out_trade_no=cw26112512&trade_status=TRADE_SUCCESS&total_amount=20.00&seller_id=2088"
    b"&gmt_payment=2026-11-25+12%3A00%3A00"
)
SEEDS: tuple[bytes, ...] = (
    json.dumps(TRANSACTION).encode(),
    json.dumps(REFUND).encode(),
    sealed(b"TRANSACTION.SUCCESS", json.dumps(TRANSACTION).encode()),
    FORM,
    b'{"alipay_trade_query_response":{"code":"10000","subject":"a}b\\"c"},"sign":"AAAA"}',
    b"[" * 3000,
    b'{"amount":{"total":1e400}}',
    b'{"id":' + b"9" * 4400 + b"}",
    "交易".encode("gbk"),
    b'<!DOCTYPE a [<!ENTITY b "&b;&b;">]><a>&b;</a>',
)
