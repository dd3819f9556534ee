"""Reads CSV and XLSX as plain text cells with their line numbers, whatever a spreadsheet program made of them."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatwatt.importing.workbook import Line, sheets, sheets_apart
from prepaid.domain.errors import Refused

FILE_BYTES_MAX = 20 << 20
UNPACKED_BYTES_MAX = 200 << 20
ROWS_MAX = 20_000
ZIP = b"PK\x03\x04"
"""How every workbook begins."""
ENCODINGS = ("utf-8-sig", "gb18030")
"""With or without a byte order mark, or as Chinese Windows writes it (GBK is a part of GB 18030)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a file. `lines` are numbered as a person sees them, the heading being line 1."""

    headings: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]


def read_table(path: Path) -> Table:
    """The table in a file, by its ending. Raises `Refused` for what cannot be read."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= FILE_BYTES_MAX else None
    except OSError as error:
        raise Refused("refused.import_file", file=path.name) from error
    if raw is None:
        raise Refused("refused.import_too_large", file=path.name)
    rows = _spreadsheet(path.name, raw) if path.suffix.lower() == ".xlsx" else _csv(path.name, raw)
    return _table(path.name, rows, ROWS_MAX)


async def read_tables(name: str, raw: bytes, *, rows_max: int, unpacked_max: int) -> list[Table]:
    """The tables in what somebody sent, by what it is and not by what it is called. Raises `Refused` like the above.

    A workbook may hold several; sheets without anything do not count.
    """
    if not raw.startswith(ZIP):
        return [_table(name, await asyncio.to_thread(_csv, name, raw), rows_max)]
    try:
        found = await sheets_apart(raw, rows_max=rows_max, unpacked_max=unpacked_max)
    except Refused as refused:
        raise Refused(refused.key, file=name) from None
    written = [rows for rows in found if any(any(cells) for _, cells in rows)]
    if not written:
        raise Refused("refused.import_empty", file=name)
    return [_table(name, rows, rows_max) for rows in written]


def _table(name: str, rows: Sequence[Line], rows_max: int) -> Table:
    lines = [(number, cells) for number, cells in rows if any(cells)]
    if not lines:
        raise Refused("refused.import_empty", file=name)
    if len(lines) > rows_max:
        raise Refused("refused.import_too_large", file=name)
    return Table(lines[0][1], tuple(lines[1:]))


def _spreadsheet(name: str, raw: bytes) -> list[Line]:
    """The first sheet, in this process: whoever runs a command brings a file of their own."""
    try:
        return sheets(raw, rows_max=2 * ROWS_MAX, unpacked_max=UNPACKED_BYTES_MAX)[0]
    except Refused as refused:
        raise Refused(refused.key, file=name) from refused


def _csv(name: str, raw: bytes) -> list[Line]:
    text = _decoded(name, raw)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = []
    try:
        for cells in reader:
            rows.append((reader.line_num, tuple(cell.strip() for cell in cells)))
            if len(rows) > 2 * ROWS_MAX:
                raise Refused("refused.import_too_large", file=name)
    except csv.Error as error:
        raise Refused("refused.import_csv", file=name, line=reader.line_num) from error
    return rows


def _decoded(name: str, raw: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Refused("refused.import_encoding", file=name)
