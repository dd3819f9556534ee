"""Reads Alipay's notifications: a form, decoded once, verified, and only then understood.

Source: Alipay Open Platform, "asynchronous notification" of the trade products. A partial refund repeats TRADE_SUCCESS
with the refund's number, a whole one sends TRADE_CLOSED: neither is a payment (M4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from payments.problems import FormatProblem
from payments.providers.alipay_crypto import Verifier
from payments.providers.alipay_words import CURRENCY, NAME, PAID, fen, instant
from prepaid.domain.orders import Payment
from prepaid.ports import Clock, InboxRow

TRADE: Final = "trade_status_sync"
FIELDS_MAX = 120
REFUND_FIELDS = ("gmt_refund", "refund_fee")
CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk"}

_NAME = re.compile(rb"[0-9A-Za-z_.\-]{1,64}")
_HALF = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class NotificationReader:
    """Turns a form that Alipay signed into an inbox row."""

    def __init__(self, *, verifier: Verifier, clock: Clock) -> None:
        self._verifier = verifier
        self._clock = clock

    def read(self, raw: bytes) -> InboxRow:
        """The row to keep. Raises `SignatureProblem` if unproven, `FormatProblem` if unreadable."""
        fields = parse_form(raw)
        self._verifier.check_notification(fields)
        values = _decoded(fields)
        kind, payment, refund_id = _meaning(values)
        return InboxRow(
            id=f"{NAME}:{_text(values, 'notify_id', 128)}",
            provider=NAME,
            kind=kind,
            raw=raw,
            headers={},
            payment=payment,
            received_at=self._clock.now(),
            refund_id=refund_id,
        )


def parse_form(raw: bytes) -> dict[str, bytes]:
    """The fields of a form, percent-decoded exactly once and left in their charset. Raises `FormatProblem`."""
    fields: dict[str, bytes] = {}
    pairs = raw.split(b"&") if raw else []
    if not 0 < len(pairs) <= FIELDS_MAX:
        raise FormatProblem("bad_form")
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        # Two readers may take different ones of two equal names, so there must not be two.
        if not equals or not _NAME.fullmatch(name) or name.decode() in fields or _HALF.search(value):
            raise FormatProblem("bad_form")
        fields[name.decode()] = unquote_to_bytes(value.replace(b"+", b" "))
    return fields


def _decoded(fields: Mapping[str, bytes]) -> dict[str, str]:
    charset = CHARSETS.get(fields.get("charset", b"utf-8").decode("ascii", "replace").lower())
    if charset is None:
        raise FormatProblem("bad_charset")
    try:
        return {name: value.decode(charset) for name, value in fields.items()}
    except UnicodeDecodeError:
        raise FormatProblem("bad_charset") from None


def _meaning(values: Mapping[str, str]) -> tuple[str, Payment | None, str | None]:
    """Its kind, the payment that it proves, and the refund that there is news of."""
    kind = _text(values, "notify_type", 64) if "notify_type" in values else _text(values, "method", 64)
    if kind != TRADE:
        return kind, None, None
    state = _text(values, "trade_status", 32)
    if any(values.get(name) for name in REFUND_FIELDS):
        number = _text(values, "out_biz_no", 64) if values.get("out_biz_no") else None
        return f"{state}.REFUND", None, number
    return state, (_payment(values) if state in PAID else None), None


def _payment(values: Mapping[str, str]) -> Payment:
    amount_fen = fen(values.get("total_amount"))
    if amount_fen <= 0:
        raise FormatProblem("bad_amount")
    return Payment(
        provider=NAME,
        merchant_id=_text(values, "seller_id", 32),
        app_id=_text(values, "app_id", 32),
        order_id=_text(values, "out_trade_no", 64),
        txn_id=_text(values, "trade_no", 64),
        amount_fen=amount_fen,
        currency=_text(values, "trans_currency", 8) if values.get("trans_currency") else CURRENCY,
        paid_at=instant(_text(values, "gmt_payment", 32)),
    )


def _text(values: Mapping[str, str], name: str, length_max: int) -> str:
    value = values.get(name, "")
    if not 0 < len(value) <= length_max or not value.isprintable():
        raise FormatProblem("bad_field")
    return value
