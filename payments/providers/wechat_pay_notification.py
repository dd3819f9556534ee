"""Reads WeChat Pay's notifications and transactions into our words: verify the bytes, then parse, then decrypt.

News of a refund has fields of its own and proves nothing about a payment: it only names the refund to ask about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from payments.problems import FormatProblem
from payments.providers.wechat_pay_crypto import Verifier, decrypt, seal_headers
from payments.strict_json import Document, inner, parse_object, text, whole
from prepaid.domain.orders import Payment
from prepaid.ports import Clock, InboxRow

NAME = "wechat_pay"
PAID_EVENT = "TRANSACTION.SUCCESS"
REFUND_EVENTS = frozenset({"REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"})
ALGORITHM = "AEAD_AES_256_GCM"
AMOUNT_FEN_MAX = 10**12
CIPHERTEXT_CHARS_MAX = 1 << 20


class NotificationReader:
    """Turns bytes that WeChat Pay signed into an inbox row."""

    def __init__(self, *, verifier: Verifier, api_v3_key: bytes, clock: Clock) -> None:
        self._verifier = verifier
        self._api_v3_key = api_v3_key
        self._clock = clock

    def read(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:
        """The row to keep. Raises `SignatureProblem` if unproven, `FormatProblem` if unreadable."""
        now = self._clock.now()
        self._verifier.check(headers, raw, now_s=now.timestamp())
        document = parse_object(raw)
        kind = text(document, "event_type", length_max=64)
        plaintext = open_resource(self._api_v3_key, inner(document, "resource"))
        payment = transaction(parse_object(plaintext)) if kind == PAID_EVENT else None
        refund_id = refund_number(parse_object(plaintext)) if kind in REFUND_EVENTS else None
        return InboxRow(
            id=f"{NAME}:{text(document, 'id', length_max=64)}",
            provider=NAME,
            kind=kind,
            raw=raw,
            headers=seal_headers(headers),
            payment=payment,
            received_at=now,
            refund_id=refund_id,
        )


def open_resource(api_v3_key: bytes, resource: Document) -> bytes:
    """The plaintext of a notification's resource."""
    if resource.get("algorithm") != ALGORITHM:
        raise FormatProblem("bad_algorithm")
    associated_data = resource.get("associated_data", "")
    if not isinstance(associated_data, str):
        raise FormatProblem("bad_field")
    return decrypt(
        api_v3_key,
        nonce=text(resource, "nonce", length_max=64),
        associated_data=associated_data,
        ciphertext_base64=text(resource, "ciphertext", length_max=CIPHERTEXT_CHARS_MAX),
    )


def transaction(document: Document) -> Payment:
    """A transaction with money in it, as notifications and queries show it.

    `success` is False when its state is not SUCCESS (any more), e.g. after a refund.
    """
    amount = inner(document, "amount")
    return Payment(
        provider=NAME,
        merchant_id=text(document, "mchid", length_max=32),
        app_id=text(document, "appid", length_max=32),
        order_id=text(document, "out_trade_no", length_max=32),
        txn_id=text(document, "transaction_id", length_max=32),
        amount_fen=whole(amount, "total", least=1, most=AMOUNT_FEN_MAX),
        # The documentation marks the currency as optional: merchants of the mainland only have this one.
        currency=text(amount, "currency", length_max=16) if "currency" in amount else "CNY",
        paid_at=_instant(text(document, "success_time", length_max=64)),
        success=text(document, "trade_state", length_max=32) == "SUCCESS",
    )


def refund_number(document: Document) -> str:
    """Our number of the refund that a notification is about. The rest must be there, or it is not one of these."""
    for key in ("mchid", "out_trade_no", "transaction_id", "refund_id", "refund_status"):
        text(document, key, length_max=64)
    whole(inner(document, "amount"), "refund", least=1, most=AMOUNT_FEN_MAX)
    return text(document, "out_refund_no", length_max=64)


def _instant(written: str) -> datetime:
    """RFC 3339 with an offset, in UTC."""
    try:
        instant = datetime.fromisoformat(written)
        if instant.tzinfo is None:
            raise FormatProblem("bad_field")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatProblem("bad_field") from None
