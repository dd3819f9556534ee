"""Draws a sheet of labels, one for each room: what to scan or to write so that a chat is bound to the room's account.

Eight labels on A4, of the common size 99.1 x 67.7 mm, so that ready-cut sheets fit. Codes are drawn as squares, not as
pictures, and of the font only the letters that are used go into the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

import segno
from fpdf import FPDF

from bot.texts import text

ACROSS, DOWN = 2, 4
WIDTH_MM, HEIGHT_MM = 99.1, 67.7
LEFT_MM, TOP_MM = 4.65, 13.1
BETWEEN_MM = 2.5
INSET_MM = 5.0
CODE_MM = 34.0
CODES_TOP_MM = 17.0
FONT = "label"
MOST_LABEL_CHARS = 24
MOST_SITE_CHARS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One room. `links` are what to scan by channel ("wechat", "telegram"); `code` is what to write instead."""

    site: str
    room: str
    code: str
    links: tuple[tuple[str, str], ...]
    until: datetime
    time_zone: str


def sheet(labels: Sequence[Label], language: str) -> bytes:
    """The PDF, as many pages as needed."""
    pdf = FPDF(format="A4", unit="mm")
    pdf.set_auto_page_break(auto=False)
    # The date of making and the like would say nothing, and two runs would differ by it.
    pdf.set_title(text(language, "labels.title"))
    font = resources.files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf"
    with resources.as_file(font) as path:
        pdf.add_font(FONT, fname=path)
        for number, label in enumerate(labels):
            place = number % (ACROSS * DOWN)
            if place == 0:
                pdf.add_page()
            left = LEFT_MM + (place % ACROSS) * (WIDTH_MM + BETWEEN_MM)
            top = TOP_MM + (place // ACROSS) * HEIGHT_MM
            _draw(pdf, label, left, top, language)
        return bytes(pdf.output())


def _draw(pdf: FPDF, label: Label, left: float, top: float, language: str) -> None:
    inner = WIDTH_MM - 2 * INSET_MM
    _line(pdf, left + INSET_MM, top + 4, inner, label.room[:MOST_LABEL_CHARS], size=18)
    _line(pdf, left + INSET_MM, top + 11.5, inner, label.site[:MOST_SITE_CHARS], size=8)
    x = left + INSET_MM
    for channel, link in label.links:
        _code(pdf, link, x, top + CODES_TOP_MM)
        _line(pdf, x, top + CODES_TOP_MM + CODE_MM, CODE_MM, text(language, f"labels.{channel}"), size=8, align="C")
        x += CODE_MM + 4
    if len(label.links) == 1:
        _words(pdf, x, top + CODES_TOP_MM + 2, left + WIDTH_MM - INSET_MM - x, text(language, "labels.how"))
    write = text(language, "labels.write", code=label.code)
    _line(pdf, left + INSET_MM, top + 55.5, inner, write, size=9)
    ends = text(language, "labels.until", until=label.until, time_zone=label.time_zone)
    _line(pdf, left + INSET_MM, top + 60, inner, ends, size=7)


def _line(pdf: FPDF, x: float, y: float, width: float, words: str, *, size: float, align: str = "L") -> None:
    """One line, made smaller until it fits."""
    pdf.set_font(FONT, size=size)
    while size > 5 and pdf.get_string_width(words) > width:  # noqa: PLR2004 - smaller nobody reads
        size -= 0.5
        pdf.set_font(FONT, size=size)
    pdf.set_xy(x, y)
    pdf.cell(w=width, h=size * 0.42, text=words, align=align)


def _words(pdf: FPDF, x: float, y: float, width: float, words: str) -> None:
    """A few lines."""
    pdf.set_font(FONT, size=9)
    pdf.set_xy(x, y)
    pdf.multi_cell(w=width, h=5, text=words, align="L")


def _code(pdf: FPDF, link: str, x: float, y: float) -> None:
    """A QR code with its quiet border, each dark run of a row as one rectangle."""
    rows = [bytes(row) for row in segno.make(link, error="m", micro=False).matrix_iter(border=4)]
    side = CODE_MM / len(rows)
    pdf.set_fill_color(0)
    for number, row in enumerate(rows):
        start: int | None = None
        for place, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = place
            elif not dark and start is not None:
                # A hair more, so that no printer shows white lines between rows.
                pdf.rect(x + start * side, y + number * side, (place - start) * side, side * 1.02, style="F")
                start = None
