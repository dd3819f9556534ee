"""Priced lines as one short text, so that an entry explains itself whatever becomes of its tariff.

Each line is `[since, until, wh, band, block, price]` with times in ms after the interval's start; a seventh place holds
the sewage price and an eighth the version, where they are not zero and not the entry's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from prepaid.domain.tariffs.pricing import PricedLine

_SEWAGE, _VERSION = 6, 7


def lines_text(lines: Iterable[PricedLine], *, start_ms: int, tariff: str) -> str:
    """The text of an interval's lines. `tariff` is the version that the entry names."""
    return json.dumps([_row(line, start_ms, tariff) for line in lines], separators=(",", ":"))


def lines_from_text(text: str, *, start_ms: int, tariff: str) -> list[PricedLine]:
    """The lines again."""
    return [_line(row, start_ms, tariff) for row in json.loads(text)]


def _row(line: PricedLine, start_ms: int, tariff: str) -> list[int | str]:
    row: list[int | str] = [
        line.since_ms - start_ms,
        line.until_ms - start_ms,
        line.energy_wh,
        str(line.band),
        line.block,
        line.price_micro,
    ]
    if line.tariff != tariff:
        return [*row, line.sewage_micro, line.tariff]
    return [*row, line.sewage_micro] if line.sewage_micro else row


def _line(row: Sequence[int | str], start_ms: int, tariff: str) -> PricedLine:
    return PricedLine(
        since_ms=int(row[0]) + start_ms,
        until_ms=int(row[1]) + start_ms,
        energy_wh=int(row[2]),
        band=str(row[3]),
        block=int(row[4]),
        price_micro=int(row[5]),
        sewage_micro=int(row[_SEWAGE]) if len(row) > _SEWAGE else 0,
        tariff=str(row[_VERSION]) if len(row) > _VERSION else tariff,
    )
