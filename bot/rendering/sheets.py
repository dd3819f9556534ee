"""Rows as a file that a spreadsheet opens: CSV that says it is UTF-8, or XLSX. No cell ever runs as a formula.

Money is given as `Decimal`; what is no number is text. Many rows take time: off the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.rendering import tables

Cell = str | int | Decimal
Row = Sequence[Cell]
MEDIA_TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def csv_bytes(rows: Sequence[Row]) -> bytes:
    """UTF-8 with its mark, so that spreadsheets read Chinese; text that looks like a formula is quoted."""
    return tables.csv_bytes([_table("", rows)])


def xlsx_bytes(title: str, rows: Sequence[Row]) -> bytes:
    """One sheet, its first row the heading."""
    return tables.xlsx_bytes([_table(title, rows)])


def _table(title: str, rows: Sequence[Row]) -> tables.Sheet:
    head, *more = rows
    return tables.Sheet(title=title, head=tuple(map(str, head)), rows=tuple(map(tuple, more)))
