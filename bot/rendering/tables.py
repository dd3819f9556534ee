"""Tables on paper: text, CSV and XLSX, which a spreadsheet opens without running them.

Amounts are exact decimals. A cell that a spreadsheet would take for a formula is defused in CSV by an apostrophe; in
XLSX texts are written as texts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from prepaid.domain.errors import Refused

Cell = str | int | Decimal | None
FORMATS = (".csv", ".xlsx")
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_TWO = Decimal("0.01")
_MOST_TITLE = 31
_NO_NAME = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def yuan(amount_micro: int) -> Decimal:
    """Exact: two decimals, or as many as the amount has."""
    exact = Decimal(amount_micro).scaleb(-6)
    return exact.quantize(_TWO) if exact == exact.quantize(_TWO) else exact.normalize()


def kwh(energy_wh: int) -> Decimal:
    """Exact, three decimals (for water: cubic metres)."""
    return Decimal(energy_wh).scaleb(-3)


def as_text(sheets: Iterable[Sheet]) -> str:
    """Columns parted by tabs, tables by an empty line."""
    tables = ["\n".join("\t".join(map(_plain, row)) for row in (sheet.head, *sheet.rows)) for sheet in sheets]
    return "\n\n".join(tables)


def check_out(out: Path | None) -> None:
    """Whether the file's kind can be written; asked before any work is done."""
    if out is not None and out.suffix.lower() not in FORMATS:
        raise Refused("refused.report_format", path=out.name)


def write(out: Path, sheets: Sequence[Sheet]) -> None:
    """By the file's kind. CSV holds the tables one below the other, with the mark that says that it is UTF-8."""
    content = csv_bytes(sheets) if out.suffix.lower() == ".csv" else xlsx_bytes(sheets)
    try:
        out.write_bytes(content)
    except OSError:
        raise Refused("refused.file_unwritable", path=out.name) from None


def csv_bytes(sheets: Sequence[Sheet]) -> bytes:
    """UTF-8 with its mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for place, sheet in enumerate(sheets):
        if place:
            writer.writerow([])
        writer.writerows([_defused(cell) for cell in row] for row in (sheet.head, *sheet.rows))
    return out.getvalue().encode("utf-8-sig")


def xlsx_bytes(sheets: Sequence[Sheet]) -> bytes:
    """A sheet for each table."""
    import xlsxwriter  # noqa: PLC0415 - only who wants a sheet waits for it

    content = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(content, options) as book:
        exact, bold = book.add_format({"num_format": "0.00####"}), book.add_format({"bold": True})
        for number, table in enumerate(sheets):
            taken = [each.get_name() for each in book.worksheets()]
            sheet = book.add_worksheet(_sheet_name(table.title, taken, number))
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(table.head) - 1, 18)
            for column, title in enumerate(table.head):
                sheet.write_string(0, column, title, bold)
            for line, row in enumerate(table.rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, Decimal):
                        sheet.write_number(line, column, cell, exact)
                    elif isinstance(cell, int):
                        sheet.write_number(line, column, cell)
                    elif cell:
                        sheet.write_string(line, column, cell)
    return content.getvalue()


def _sheet_name(title: str, taken: Sequence[str], number: int) -> str:
    """What a spreadsheet takes for a name: short, without marks that mean something to it, and unlike the others."""
    name = _NO_NAME.sub(" ", title).strip("' ")[:_MOST_TITLE] or str(number + 1)
    if name.casefold() in {each.casefold() for each in taken}:
        name = f"{name[: _MOST_TITLE - 4]} {number + 1}"
    return name


def _plain(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return "" if cell is None else str(cell).replace("\t", " ").replace("\n", " ")


def _defused(cell: Cell) -> str:
    """A negative amount is ours and stays a number; whatever came from outside is text."""
    if isinstance(cell, str) and cell.startswith(_STARTS_FORMULA):
        return f"'{cell}"
    return _plain(cell)
