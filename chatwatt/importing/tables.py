"""Reads CSV and XLSX as plain text cells with their line numbers, whatever a spreadsheet program made of them."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from prepaid.domain.errors import Refused

FILE_BYTES_MAX = 20 << 20
UNPACKED_BYTES_MAX = 200 << 20
ROWS_MAX = 20_000
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
    lines = [(number, cells) for number, cells in rows if any(cells)]
    if not lines:
        raise Refused("refused.import_empty", file=path.name)
    if len(lines) > ROWS_MAX:
        raise Refused("refused.import_too_large", file=path.name)
    return Table(lines[0][1], tuple(lines[1:]))


def _csv(name: str, raw: bytes) -> list[tuple[int, tuple[str, ...]]]:
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


def _spreadsheet(name: str, raw: bytes) -> list[tuple[int, tuple[str, ...]]]:
    """The first sheet. What it unpacks to is measured before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(each.file_size for each in packed.infolist()) > UNPACKED_BYTES_MAX:
                raise Refused("refused.import_too_large", file=name)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False, nrows=2 * ROWS_MAX)
    except (zipfile.BadZipFile, CalamineError, ValueError) as error:
        raise Refused("refused.import_spreadsheet", file=name) from error
    return [(number, tuple(_text(cell) for cell in cells)) for number, cells in enumerate(rows, start=1)]


def _text(cell: object) -> str:
    """A room number that a spreadsheet took for a figure is the room number again."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
