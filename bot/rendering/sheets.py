"""Rows as a file that a spreadsheet opens: CSV that says it is UTF-8, or XLSX. No cell ever runs as a formula.

Money is given as `Decimal`; what is no number is text. Many rows take time: off the event loop.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

Cell = str | int | Decimal
Row = Sequence[Cell]
MEDIA_TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_bytes(rows: Sequence[Row]) -> bytes:
    """UTF-8 with its mark, so that spreadsheets read Chinese; text that looks like a formula is quoted."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[_defused(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def xlsx_bytes(title: str, rows: Sequence[Row]) -> bytes:
    """One sheet, its first row the heading."""
    import xlsxwriter  # noqa: PLC0415 - only who wants a sheet waits for it

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        money, bold = book.add_format({"num_format": "0.00####"}), book.add_format({"bold": True})
        sheet = book.add_worksheet(title[:31])
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(0, len(rows[0]) - 1), 18)
        for line, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(line, column, cell, bold if line == 0 else None)
                else:
                    sheet.write_number(line, column, cell, money if isinstance(cell, Decimal) else None)
    return out.getvalue()


def _defused(cell: Cell) -> str:
    """A negative number is ours and stays one; text that a spreadsheet would run is marked as text."""
    if isinstance(cell, str) and cell.startswith(_STARTS_FORMULA):
        return f"'{cell}"
    return str(cell)
