"""Figures in a person's language: money, instants at the site, energy, prices and durations.

A parameter's name says its unit ("amount_micro", "paid_at", "energy_wh"), so a text needs only `{amount_micro}` and can
ask for another shape of an instant with `{at:time}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_datetime
from babel.units import format_unit

from prepaid.domain.money import MICRO_PER_FEN, micro_from_fen, yuan_text

LOCALES: Mapping[str, str] = {"zh": "zh_CN", "en": "en"}
"""Our language codes and the locales behind them."""
DEFAULT_ZONE = "Asia/Shanghai"
MOST_SHOWN = 2_000
"""Instants that are kept as they were last shown."""
MAX_TEXT = 200
"""A name or a reason never fills more than this of a message."""
_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "": "M月d日 HH:mm",
        "time": "HH:mm:ss",
        "clock": "HH:mm",
        "weekday": "EEEE HH:mm",
        "day": "M月d日",
        "date": "y年M月d日",
    },
    "en": {
        "": "d MMM, HH:mm",
        "time": "HH:mm:ss",
        "clock": "HH:mm",
        "weekday": "EEEE HH:mm",
        "day": "d MMM",
        "date": "d MMM y",
    },
}
# Read once: for a name Babel looks through all those that it knows, each time.
_READ: Mapping[str, Locale] = {language: Locale.parse(name) for language, name in LOCALES.items()}
_UNITS = ((86_400, "duration-day"), (3600, "duration-hour"), (60, "duration-minute"))
_INSTANT_NAMES = frozenset({"at", "until", "since"})


_COSTS = frozenset({"total_micro", "cost_micro"})
"""What something cost, and not what there is."""


def money(amount_micro: int) -> str:
    """What there is, in yuan and fen, rounded down, so that nobody sees more than is theirs: "¥1,234.56", "-¥0.05"."""
    digits = yuan_text(amount_micro)
    sign = "-" if digits.startswith("-") else ""
    yuan, fen = digits.lstrip("-").split(".")
    return f"{sign}¥{int(yuan):,}.{fen}"


def moved(amount_micro: int, *, signed: bool = True) -> str:
    """What came or went, to the nearest fen and so the same both ways: "+¥50.00", "-¥0.53"; below a fen exactly."""
    size, sign = abs(amount_micro), "-" if amount_micro < 0 else "+" if signed else ""
    if size < MICRO_PER_FEN:
        return f"{sign}{price(size)}"
    fen = (size + MICRO_PER_FEN // 2) // MICRO_PER_FEN
    return f"{sign}{money(micro_from_fen(fen))}"


def price(micro_per_kwh: int) -> str:
    """A price with as many decimals as it has, two at least: "¥0.5283"."""
    yuan, rest = divmod(micro_per_kwh, 1_000_000)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"¥{yuan}.{decimals}"


def energy(energy_wh: int) -> str:
    """Kilowatt-hours with two decimals, rounded down: "1.23 kWh"."""
    return f"{energy_wh // 1000:,}.{energy_wh % 1000 // 10:02d} kWh"


def water(litres: int) -> str:
    """Cubic metres with their three decimals: "1.234 m³"."""
    return f"{litres // 1000:,}.{litres % 1000:03d} m³"


def duration(seconds: int, language: str) -> str:
    """The largest unit of which there are two, or the smallest that fits: "36 hours", "3 天"."""
    # CLDR has no long Chinese forms of these units, its short ones are what people write.
    length: Literal["short", "long"] = "short" if language == "zh" else "long"
    for size, unit in _UNITS:
        if seconds >= 2 * size or (unit == "duration-minute" and seconds >= size):
            return format_unit(seconds // size, unit, length=length, locale=_READ[language])
    return format_unit(max(0, seconds), "duration-second", length=length, locale=_READ[language])


def instant(at: datetime, language: str, zone: str, shape: str = "") -> str:
    """An instant as a clock at the site shows it. Shapes: "" (day and minute), time, clock, weekday, day, date."""
    return _shown(int(at.timestamp()), language, zone, shape)


@lru_cache(MOST_SHOWN)
def _shown(at_s: int, language: str, zone: str, shape: str) -> str:
    """What is told to many at once names the same instants, and no shape shows parts of a second."""
    return format_datetime(
        datetime.fromtimestamp(at_s, ZoneInfo(zone)), _PATTERNS[language][shape], locale=_READ[language]
    )


class Instant:
    """An instant that a text can show in several shapes."""

    def __init__(self, at: datetime, language: str, zone: str) -> None:
        self._at, self._language, self._zone = at, language, zone

    def __format__(self, spec: str) -> str:
        return instant(self._at, self._language, self._zone, spec)


class Money:
    """Money that a text can show with a sign, as what came or went (`{delta_micro:+}`)."""

    def __init__(self, amount_micro: int) -> None:
        self._amount_micro = amount_micro

    def __format__(self, spec: str) -> str:
        return moved(self._amount_micro) if spec == "+" else money(self._amount_micro)


def put_in_words(name: str, value: object, language: str, zone: str) -> object:
    """A raw parameter as something that formats itself."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _figure(name, value, language)
    if name in _INSTANT_NAMES or name.endswith(("_at", "_until")):
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return Instant(at, language, zone) if isinstance(at, datetime) else ""
    return "" if value is None else str(value)[:MAX_TEXT]


def _figure(name: str, value: int, language: str) -> object:
    if name.endswith(("_micro_per_kwh", "_micro_per_m3", "_exact_micro")):
        return price(value)
    if name in _COSTS:
        return moved(value, signed=False)
    if name.endswith("_micro"):
        return Money(value)
    if name.endswith("_fen"):
        return Money(micro_from_fen(value))
    if name.endswith("_wh"):
        return energy(value)
    if name.endswith("_l"):
        return water(value)
    return duration(value, language) if name.endswith("_s") else str(value)
