"""Reads Alipay's daily business bill: a zip of GBK tables, one with every line and one with the totals.

The words of its columns stand in `alipay_bill.json`. Refunds are negative in older files and positive in newer ones, so
the kind of business says which way the money went. A file without its end, or with other totals, is not read at all.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources
from typing import Any

import structlog

from payments.problems import FormatProblem
from payments.providers.alipay_words import NAME, fen, instant
from prepaid.domain.bills import Bill, BillKind, BillRow

log = structlog.get_logger()

MEMBERS_MAX = 32
TEXT_BYTES_MAX = 128 * 1024 * 1024
SELLER_DIGITS = 16

_DIGITS = re.compile(r"[0-9]+")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_WORDS: Mapping[str, Any] = json.loads(
    resources.files("payments.providers").joinpath("alipay_bill.json").read_text(encoding="utf-8")
)
_COLUMNS: Mapping[str, str] = _WORDS["columns"]


def read_bill(packed: bytes, day: date) -> Bill:
    """The bill of that day. Raises `FormatProblem` for anything that is not exactly it."""
    return Bill(provider=NAME, day=day, rows=tuple(_Table(_details(packed), day).rows()))


def _details(packed: bytes) -> str:
    """The table with every line. Its name is GBK, without the flag that says so."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed), metadata_encoding="gbk") as archive:
            members = archive.infolist()
            if len(members) > MEMBERS_MAX or sum(member.file_size for member in members) > TEXT_BYTES_MAX:
                raise FormatProblem("bill_too_large")
            wanted = [m for m in members if m.filename.endswith(".csv") and _WORDS["summary_member"] not in m.filename]
            if len(wanted) != 1:
                raise FormatProblem("bill_members")
            return archive.read(wanted[0]).decode("gbk")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, UnicodeDecodeError, OSError):
        raise FormatProblem("bad_bill") from None


class _Table:
    """The lines of one file: remarks before and after, a header, and rows whose cells may end with a tab."""

    def __init__(self, text: str, day: date) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        ends = [number for number, line in enumerate(lines) if line.startswith("#") and _WORDS["end"] in line]
        starts = [number for number, line in enumerate(lines) if not line.startswith("#")]
        if len(ends) != 1 or not starts or starts[0] >= ends[0]:
            raise FormatProblem("bill_cut_short")
        self._remarks = [line for line in lines if line.startswith("#")]
        self._header = _cells(lines[starts[0]])
        self._lines = lines[starts[0] + 1 : ends[0]]
        self._at = {name: self._column(word) for name, word in _COLUMNS.items()}
        self._account = self._digits(_WORDS["account"])[:SELLER_DIGITS]
        if not self._digits(_WORDS["start"]).startswith(f"{day:%Y%m%d}"):
            raise FormatProblem("bill_of_another_day")

    def rows(self) -> Iterator[BillRow]:
        """Every payment and refund; checked against the file's own counts."""
        counted: Counter[str] = Counter()
        for line in self._lines:
            cells = self._aligned(_cells(line))
            kind = _WORDS["kinds"].get(cells[self._at["kind"]])
            if kind is None:
                log.warning("bill_line_of_another_kind", provider=NAME)
                continue
            counted[kind] += 1
            yield self._row(BillKind(kind), cells)
        for word, kind in _WORDS["totals"].items():
            if (stated := self._stated(word)) is not None and stated != counted[kind]:
                raise FormatProblem("bill_count")

    def _row(self, kind: BillKind, cells: list[str]) -> BillRow:
        return BillRow(
            kind=kind,
            txn_id=cells[self._at["txn_id"]],
            order_id=cells[self._at["order_id"]],
            amount_fen=_amount(cells[self._at["amount"]]),
            fee_fen=_amount(cells[self._at["fee"]]),
            at=instant(cells[self._at["at"]]),
            refund_id=cells[self._at["refund_id"]] or None,
            merchant_id=self._account,
        )

    def _aligned(self, cells: list[str]) -> list[str]:
        """The goods' name may hold commas, and nothing quotes them: the two times behind it show where it ends."""
        goods, created = self._at["goods"], self._at["created"]
        for number in range(created, len(cells) - 1):
            if _TIME.fullmatch(cells[number]) and _TIME.fullmatch(cells[number + 1]):
                aligned = [*cells[:goods], ",".join(cells[goods : number - created + goods + 1]), *cells[number:]]
                if len(aligned) >= len(self._header):
                    return aligned
        raise FormatProblem("bill_line")

    def _column(self, word: str) -> int:
        try:
            return self._header.index(word)
        except ValueError:
            raise FormatProblem("bill_columns") from None

    def _digits(self, word: str) -> str:
        """All digits of the first remark with that word, behind the word."""
        for line in self._remarks:
            if word in line:
                return "".join(_DIGITS.findall(line[line.index(word) :]))
        raise FormatProblem("bill_remarks")

    def _stated(self, word: str) -> int | None:
        for line in self._remarks:
            if word in line and (found := _DIGITS.search(line[line.index(word) :])):
                return int(found[0])
        return None


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")]


def _amount(written: str) -> int:
    """Whichever sign the file gives it."""
    return fen(written.removeprefix("-"))
