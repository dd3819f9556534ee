"""A version of a price list as rows: a price for each step and band, their hours, free amounts, fees (P5, T2)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from bot.conversations.parts import KeyValueTable, Row
from bot.conversations.wording import band_words
from bot.texts import text
from prepaid.domain.tariffs import ALWAYS, Band, Tariff, Utility
from prepaid.domain.tariffs.bands import DAY_MIN
from prepaid.usecases.draft_tariff import Stage, VersionSheet


def version_rows(
    language: str, version: Tariff, utility: Utility, day: tuple[tuple[int, Band], ...], hours: str
) -> tuple[Row, ...]:
    """All of a version. `day` holds the changes of band of one day, `hours` is the text that labels a band's hours."""
    rows = [*_prices(language, version, utility), *_hours(language, day, hours)]
    if version.schedule is not None and len(version.schedule.rules) > 1:
        rules = text(language, "prices.rules", count=len(version.schedule.rules))
        rows.append(Row(label=text(language, "prices.seasons"), value=rules))
    if version.free_wh:
        rows.append(Row(label=text(language, "prices.free"), value=_amount(language, version.free_wh, utility)))
    if version.sewage_micro:
        rows.append(Row(label=text(language, "prices.sewage"), value=_price(language, version.sewage_micro, "water")))
    rows += fee_rows(language, ((fee.id, str(fee.every), fee.amount_micro) for fee in version.fees))
    return tuple(rows)


def sheet_table(language: str, sheet: VersionSheet, time_zone: str, *, name: str) -> KeyValueTable:
    """One version as a table under its place in time."""
    what = text(language, f"tariff.{sheet.utility}")
    title = text(language, f"tariff.{sheet.stage}", name=name, what=what, when=since_words(language, sheet, time_zone))
    rows = version_rows(language, sheet.version, sheet.utility, sheet.hours, "prices.hours")
    return KeyValueTable(title=title, rows=rows)


def since_words(language: str, sheet: VersionSheet, time_zone: str) -> str:
    """From when a version holds; what has always held, and what begins when it is agreed to, in words."""
    if sheet.version.start != ALWAYS:
        return text(language, "tariff.since", at=sheet.version.start, time_zone=time_zone)
    return text(language, "tariff.at_once" if sheet.stage is Stage.COMING else "tariff.always")


def _prices(language: str, version: Tariff, utility: Utility) -> list[Row]:
    """A row for each price: of a step, of a band, or of a band within a step."""
    ends = [step.above_wh for step in version.steps[1:]] + [0]
    rows: list[Row] = []
    for step, until in zip(version.steps, ends, strict=True):
        reach = ""
        if len(version.steps) > 1:
            key = f"prices.{'up_to' if until else 'above'}_{version.step_every}"
            reach = text(language, key, amount=_amount(language, until or step.above_wh, utility))
        for band in version.bands:
            name = band_words(language, band) if len(version.bands) > 1 else ""
            label = text(language, "figure.separator").join(words for words in (reach, name) if words)
            price = _price(language, step.price(band), utility)
            rows.append(Row(label=label or text(language, "prices.one"), value=price))
    return rows


def _hours(language: str, day: tuple[tuple[int, Band], ...], label: str) -> list[Row]:
    """A day's hours of each band, where there is more than one, under the text `label`."""
    spans: dict[Band, list[str]] = {}
    for (since, band), (until, _) in pairwise((*day, (DAY_MIN, Band.FLAT))):
        spans.setdefault(band, []).append(f"{_clock(since)}–{_clock(until)}")
    if len(spans) <= 1:
        return []
    return [
        Row(label=text(language, label, band=band_words(language, band)), value=", ".join(spans[band]))
        for band in Band
        if band in spans
    ]


def fee_rows(language: str, fees: Iterable[tuple[str, str, int]]) -> list[Row]:
    """A row for each fixed fee: (id, "day" or "month", micro-yuan)."""
    return [
        Row(
            label=text(language, "prices.fee", name=name),
            value=text(language, f"prices.every_{every}", amount_micro=amount_micro),
        )
        for name, every, amount_micro in fees
    ]


def _price(language: str, price_micro: int, utility: str) -> str:
    if utility == Utility.WATER:
        return text(language, "prices.per_m3", price_micro_per_m3=price_micro)
    return text(language, "prices.per_kwh", price_micro_per_kwh=price_micro)


def _amount(language: str, amount: int, utility: str) -> str:
    if utility == Utility.WATER:
        return text(language, "prices.amount_water", amount_l=amount)
    return text(language, "prices.amount_energy", amount_wh=amount)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
