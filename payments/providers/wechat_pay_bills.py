"""Reads WeChat Pay's daily bills: the trade bill for reconciliation, the fund-flow bill for the merchant's balance.

The file's rules: UTF-8 with a mark, headings without and values with a leading backtick, amounts in yuan, two lines of
totals at the end. Values are parted at comma and backtick, because a description may hold commas. Times are China's.
Source: pay.weixin.qq.com/doc/v3/merchant, "apply for the trade bill", "apply for the fund-flow bill".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Any

from payments.problems import FormatProblem
from payments.providers.wechat_pay_notification import AMOUNT_FEN_MAX, NAME
from payments.providers.wechat_pay_ways import CHINA
from prepaid.domain.bills import Bill, BillKind, BillRow

TEXT_CHARS_MAX = 64
NO_REFUND = "FAIL"
REFUND_STATES = frozenset({"", "SUCCESS", "PROCESSING", "CHANGE", NO_REFUND})
PAID = "SUCCESS"
GIVEN_BACK = frozenset({"REFUND", "REVOKED"})
NOTHING = frozenset({"", "0"})
TOTALS_LINES = 2

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """One movement of the merchant's balance at WeChat Pay."""

    at: datetime
    flow_id: str
    txn_id: str
    name: str
    kind: str
    amount_fen: int
    """Positive in, negative out."""
    balance_fen: int
    """What lay there afterwards."""
    ref: str


@cache
def _columns() -> Mapping[str, Any]:
    """The headings. They are data: no sentence in Chinese stands in the code."""
    path = resources.files("payments.providers").joinpath("wechat_pay_bill_columns.json")
    columns: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return columns


def read_trade_bill(raw: bytes, day: date) -> Bill:
    """The bill of one day. Raises `FormatProblem` unless every line is understood and the totals count them all."""
    columns = _columns()["trade"]
    rows = [row for line in _lines(raw, columns) if (row := _trade_row(line)) is not None]
    return Bill(provider=NAME, day=day, rows=tuple(rows))


def read_fund_flow(raw: bytes) -> tuple[FlowRow, ...]:
    """The movements of one day. Raises `FormatProblem`."""
    columns, words = _columns()["flow"], _columns()["words"]
    signs = {words["in"]: 1, words["out"]: -1}
    return tuple(_flow_row(line, signs) for line in _lines(raw, columns))


def _trade_row(line: Row) -> BillRow | None:
    """None for what moved no money: a refund that failed."""
    paid = line["state"] == PAID
    if (not paid and line["state"] not in GIVEN_BACK) or line["refund_state"] not in REFUND_STATES:
        raise FormatProblem("bad_bill")
    if line["refund_state"] == NO_REFUND:
        return None
    return BillRow(
        kind=BillKind.PAYMENT if paid else BillKind.REFUND,
        txn_id=_text(line["txn_id"]),
        order_id=_text(line["order_id"]),
        amount_fen=_fen(line["paid" if paid else "refunded"]),
        at=_instant(line["at"]),
        fee_fen=abs(_fee_fen(line["fee"])),
        refund_id=None if line["refund_id"] in NOTHING else _text(line["refund_id"]),
        currency=_text(line["currency"]),
        merchant_id=_text(line["merchant_id"]),
        app_id=_text(line["app_id"]),
    )


def _flow_row(line: Row, signs: Mapping[str, int]) -> FlowRow:
    if line["way"] not in signs:
        raise FormatProblem("bad_bill")
    return FlowRow(
        at=_instant(line["at"]),
        flow_id=_text(line["flow_id"]),
        txn_id=_text(line["txn_id"]),
        name=_text(line["name"]),
        kind=_text(line["kind"]),
        amount_fen=signs[line["way"]] * _fen(line["amount"]),
        balance_fen=_fen(line["balance"]),
        ref=line["ref"][:TEXT_CHARS_MAX],
    )


def _lines(raw: bytes, columns: Mapping[str, str | list[str]]) -> list[Row]:
    """The lines by our names for their columns; the totals at the end must count them."""
    try:
        written = [line.removesuffix("\r") for line in raw.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError:
        raise FormatProblem("bad_bill") from None
    while written and not written[-1]:
        written.pop()
    if len(written) <= TOTALS_LINES:
        raise FormatProblem("bad_bill")
    head, body, totals = written[0].split(","), written[1:-TOTALS_LINES], _cells(written[-1])
    if _decimal(totals[0]) != len(body):
        raise FormatProblem("bad_bill")
    places = _places(head, columns)
    return [_named(_cells(line), len(head), places) for line in body]


def _places(head: Sequence[str], columns: Mapping[str, str | list[str]]) -> Mapping[str, int]:
    """Where each of our columns stands. Of several headings the first that is there counts."""
    places: dict[str, int] = {}
    for name, headings in columns.items():
        found = [head.index(one) for one in ([headings] if isinstance(headings, str) else headings) if one in head]
        if not found:
            raise FormatProblem("bad_bill")
        places[name] = found[0]
    return places


def _cells(line: str) -> list[str]:
    if not line.startswith("`"):
        raise FormatProblem("bad_bill")
    return line[1:].split(",`")


def _named(cells: Sequence[str], width: int, places: Mapping[str, int]) -> Row:
    if len(cells) != width:
        raise FormatProblem("bad_bill")
    return {name: cells[place].strip() for name, place in places.items()}


def _text(written: str) -> str:
    if not 0 < len(written) <= TEXT_CHARS_MAX or not written.isprintable():
        raise FormatProblem("bad_bill")
    return written


def _decimal(written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise FormatProblem("bad_bill") from None
    if not number.is_finite() or abs(number) > AMOUNT_FEN_MAX:
        raise FormatProblem("bad_bill")
    return number


def _fen(written: str) -> int:
    """Yuan that are whole fen. A decimal that is not is refused, never rounded."""
    fen = _decimal(written) * 100
    if fen != int(fen) or fen < 0:
        raise FormatProblem("bad_bill")
    return int(fen)


def _fee_fen(written: str) -> int:
    """A fee is written to a thousandth of a fen, and taken in whole fen."""
    return int((_decimal(written) * 100).to_integral_value(ROUND_HALF_UP))


def _instant(written: str) -> datetime:
    try:
        return datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatProblem("bad_bill") from None
