"""Alipay's way to write amounts and times, and a trade in our words. Nothing is rounded and nothing is guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from payments.problems import FormatProblem
from payments.strict_json import Document, text
from prepaid.domain.orders import Payment

NAME = "alipay"
CHINA = timezone(timedelta(hours=8))
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
CURRENCY = "CNY"
UNPAID = frozenset({"WAIT_BUYER_PAY"})
PAID = frozenset({"TRADE_SUCCESS", "TRADE_FINISHED"})
CLOSED = "TRADE_CLOSED"

_AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


def yuan(amount_fen: int) -> str:
    """Fen as Alipay writes yuan: always two decimals."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def fen(written: object) -> int:
    """A text of yuan with at most two decimals, in fen. Anything else, a JSON number too, is a `FormatProblem`."""
    found = _AMOUNT.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise FormatProblem("bad_amount")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def china_time(instant: datetime) -> str:
    """Alipay's times have no zone: they are China's, wherever the machine stands."""
    return instant.astimezone(CHINA).strftime(TIME_FORMAT)


def instant(written: str) -> datetime:
    """The reverse, in UTC."""
    try:
        if not _TIME.fullmatch(written):
            raise FormatProblem("bad_time")
        return datetime.strptime(written, TIME_FORMAT).replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatProblem("bad_time") from None


def trade(document: Document, *, seller_id: str, app_id: str, now: datetime) -> Payment | None:
    """What a query's answer says about a trade, None while nobody has paid.

    A closed trade that was paid before has `success=False`: its money is not there any more. The documents call the
    time of payment optional; a paid trade without one was paid by `now`.
    """
    state = text(document, "trade_status", length_max=32)
    if state in UNPAID or (state == CLOSED and "send_pay_date" not in document):
        return None
    if state not in PAID and state != CLOSED:
        raise FormatProblem("new_state")
    amount_fen = fen(document.get("total_amount"))
    if amount_fen <= 0:
        raise FormatProblem("bad_amount")
    return Payment(
        provider=NAME,
        merchant_id=seller_id,
        app_id=app_id,
        order_id=text(document, "out_trade_no", length_max=64),
        txn_id=text(document, "trade_no", length_max=64),
        amount_fen=amount_fen,
        currency=text(document, "trans_currency", length_max=8) if "trans_currency" in document else CURRENCY,
        paid_at=instant(text(document, "send_pay_date", length_max=32)) if "send_pay_date" in document else now,
        success=state in PAID,
    )
