"""What a device said just now, in a table; shared by the topics that ask the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.conversations.parts import KeyValueTable, Row
from bot.texts import has, text
from prepaid.domain.field_requests import Seen


def seen_table(language: str, title: str, seen: Seen) -> KeyValueTable:
    """The figures that a person on the site looks at, and below them what is wrong."""
    note = text(language, "field.failed", failed=failed_words(language, seen)) if seen.failed else ""
    return KeyValueTable(title=title, rows=tuple(_rows(language, seen)), note=note)


def failed_words(language: str, seen: Seen) -> str:
    """The checks that failed; those of a profile by the names that stand in it."""
    names = (text(language, f"field_check.{name}") if has(f"field_check.{name}") else name for name in seen.failed)
    return text(language, "figure.separator").join(names)


def _rows(language: str, seen: Seen) -> Iterator[Row]:
    if seen.serial is not None:
        yield Row(label=text(language, "row.serial"), value=seen.serial)
    for row, words in _figures(language, seen.figures):
        yield Row(label=text(language, row), value=words)
    if seen.relay_on is not None:
        state = text(language, "field.closed" if seen.relay_on else "field.open")
        yield Row(label=text(language, "row.relay"), value=state)


def _figures(language: str, figures: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if (energy_wh := figures.get("energy_wh")) is not None:
        yield "row.energy", text(language, "figure.energy", energy_wh=energy_wh)
    if (litres := figures.get("volume_l")) is not None:
        yield "row.volume", text(language, "figure.litres", litres=litres)
    if (power_w := figures.get("power_w")) is not None:
        yield "row.power", text(language, "figure.watts", watts=power_w)
    if (voltage_mv := figures.get("voltage_mv")) is not None:
        yield "row.voltage", text(language, "figure.volts", volts=_tenths(voltage_mv))
    if (current_ma := figures.get("current_ma")) is not None:
        yield "row.current", text(language, "figure.amperes", amperes=_tenths(current_ma))


def _tenths(thousandths: int) -> str:
    """One decimal, rounded down."""
    whole, rest = divmod(thousandths // 100, 10)
    return f"{whole}.{rest}"
