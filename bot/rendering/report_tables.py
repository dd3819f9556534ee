"""The reports of a site as tables in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from bot.conversations.wording import band_words, column_words
from bot.rendering.tables import Cell, Sheet, kwh, yuan
from bot.texts import text
from prepaid.domain.finance import WATER, Finance
from prepaid.domain.tariffs import Utility
from prepaid.usecases.compare_site import SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation
from prepaid.usecases.site_use import MeterUse
from prepaid.usecases.spans import Length
from prepaid.usecases.usage_report import Losses, UsageReport

_SHAPES = {Length.DAY: "%Y-%m-%d %H:%M", Length.WEEK: "%Y-%m-%d", Length.MONTH: "%Y-%m-%d", Length.YEAR: "%Y-%m"}
"""What a bar of a span stands for: an hour, a day or a month."""


def finance_sheets(language: str, report: Finance) -> tuple[Sheet, ...]:
    """Each account and the sum: balances, what moved them, energy by band; then debts by their age."""
    columns, bands = report.columns, report.bands
    head = ("account", "room", "opening")
    names = [text(language, f"report.{name}") for name in head]
    names += [text(language, "report.in_yuan", name=column_words(language, column)) for column in columns]
    names.append(text(language, "report.closing"))
    names += [_band(language, band) for band in bands]
    rows: list[tuple[Cell, ...]] = [
        (
            each.account_id,
            each.label,
            yuan(each.opening_micro),
            *(yuan(each.columns[column]) for column in columns),
            yuan(each.closing_micro),
            *(kwh(each.energy_wh[band]) for band in bands),
        )
        for each in report.accounts
    ]
    total: tuple[Cell, ...] = (
        text(language, "report.total"),
        "",
        yuan(report.opening_micro),
        *(yuan(report.total(column)) for column in columns),
        yuan(report.closing_micro),
        *(kwh(report.band_wh(band)) for band in bands),
    )
    ages = tuple(
        (text(language, f"report.age_{age}"), count, yuan(debt)) for age, (count, debt) in report.ageing().items()
    )
    age_head = tuple(text(language, f"report.{name}") for name in ("age", "accounts", "debt"))
    return (
        Sheet(text(language, "report.finance"), tuple(names), (*rows, total)),
        Sheet(text(language, "report.ageing"), age_head, ages),
    )


def usage_sheets(language: str, report: UsageReport) -> tuple[Sheet, ...]:
    """Ranked."""
    names = ("rank", "account", "room", "energy", "water", "amount", "before", "year_ago")
    rows: list[tuple[Cell, ...]] = [
        (
            each.rank,
            each.account_id,
            each.label,
            kwh(each.energy_wh),
            kwh(each.water_l),
            yuan(each.amount_micro),
            None if each.before_wh is None else kwh(each.before_wh),
            None if each.year_ago_wh is None else kwh(each.year_ago_wh),
        )
        for each in report.ranks
    ]
    whole = (kwh(report.energy_wh), kwh(report.water_l), yuan(report.amount_micro))
    total = (None, text(language, "report.total"), "", *whole, None, None)
    head = tuple(text(language, f"report.{name}") for name in names)
    return (Sheet(text(language, "report.usage"), head, (*rows, total)),)


def losses_sheets(language: str, report: Losses) -> tuple[Sheet, ...]:
    """The main meter, each meter behind it, and what is missing."""
    head = tuple(text(language, f"report.{name}") for name in ("meter", "energy"))
    rows: list[tuple[Cell, ...]] = [(report.main_meter_id, kwh(report.main_wh))]
    rows += [(meter_id, kwh(wh)) for meter_id, wh in sorted(report.meters_wh.items())]
    rows += [(meter_id, None) for meter_id in report.silent]
    rows.append((text(language, "report.loss", permille=report.loss_permille), kwh(report.loss_wh)))
    return (Sheet(text(language, "report.losses"), head, tuple(rows)),)


def _band(language: str, band: str) -> str:
    return (
        text(language, "report.water")
        if band == WATER
        else text(language, "report.band", band=band_words(language, band))
    )


def use_sheets(language: str, report: UseReport) -> tuple[Sheet, ...]:
    """Each meter with its registers and load; the bars of the picture; odd hours; rooms that nobody rents."""
    shape = _SHAPES[report.span.length]
    bars = tuple((_clock(report, bar.start, shape), kwh(bar.energy_wh), kwh(bar.before_wh)) for bar in report.bars)
    title = text(language, f"report.bars_{report.span.length}")
    by_day = Sheet(title, _head(language, "when", "energy", "span_before"), bars)
    if report.use is None:
        return (by_day,)
    use = report.use
    rows = tuple(_meter_row(language, each) for each in use.meters)
    water = text(language, "report.water")
    totals: tuple[tuple[Cell, ...], ...] = (
        (text(language, "report.total"), "", "", "", None, None, kwh(report.energy_wh), None, None, None),
        (water, "", "", "", None, None, kwh(report.water_l), None, None, None),
    )
    names = ("meter", "account", "room", "utility", "first", "last", "energy", "base", "night", "odd_hours")
    odd = tuple(
        (each.label, each.meter_id, _clock(report, hour.at), kwh(hour.energy_wh), kwh(hour.usual_wh))
        for each in use.meters
        if each.load
        for hour in each.load.odd
    )
    empty = tuple((each.label, each.meter_id, kwh(each.load.energy_wh)) for each in use.empty if each.load)
    return (
        Sheet(text(language, "report.site_use"), _head(language, *names), (*rows, *totals)),
        by_day,
        Sheet(text(language, "report.odd"), _head(language, "room", "meter", "when", "energy", "usual"), odd),
        Sheet(text(language, "report.empty"), _head(language, "room", "meter", "energy"), empty),
    )


def site_losses_sheets(language: str, found: Sequence[Losses]) -> tuple[Sheet, ...]:
    """A table for each main meter."""
    made = [losses_sheets(language, each)[0] for each in found]
    return tuple(
        Sheet(f"{each.title} {losses.main_meter_id}", each.head, each.rows)
        for each, losses in zip(made, found, strict=True)
    )


def share_sheets(language: str, given: Allocation) -> tuple[Sheet, ...]:
    """Own use and share of each room; below them what they add up to, which is the main meter."""
    rows: list[tuple[Cell, ...]] = [
        (each.account_id, each.label, kwh(each.own_wh), kwh(each.share_wh)) for each in given.shares
    ]
    rows.append((text(language, "report.total"), "", kwh(given.own_wh), kwh(given.common_wh)))
    rows.append((text(language, "report.main"), given.main_meter_id, kwh(given.main_wh), None))
    title = f"{text(language, 'report.share')} {text(language, f'report.rule_{given.rule}')}"
    return (Sheet(title, _head(language, "account", "room", "own", "shared"), tuple(rows)),)


def site_share_sheets(language: str, found: Sequence[Allocation]) -> tuple[Sheet, ...]:
    """A table for each main meter; one without rows where there is none."""
    made = [share_sheets(language, each)[0] for each in found]
    named = zip(made, found, strict=True)
    sheets = tuple(Sheet(f"{each.title} {given.main_meter_id}", each.head, each.rows) for each, given in named)
    return sheets or (Sheet(text(language, "report.share"), _head(language, "account", "room", "own", "shared"), ()),)


def sites_sheets(language: str, found: Sequence[SiteTotal]) -> tuple[Sheet, ...]:
    """The sites, most first."""
    rows = tuple(
        (place, each.site_id, each.name, kwh(each.energy_wh), kwh(each.before_wh), kwh(each.water_l))
        for place, each in enumerate(found, start=1)
    )
    head = _head(language, "rank", "site_id", "site", "energy", "span_before", "water")
    return (Sheet(text(language, "report.sites"), head, rows),)


def _meter_row(language: str, each: MeterUse) -> tuple[Cell, ...]:
    load = each.load
    kind = text(language, "report.water" if each.utility is Utility.WATER else "report.electricity")
    return (
        each.meter_id,
        each.account_id or "",
        each.label,
        kind,
        None if each.first_wh is None else kwh(each.first_wh),
        None if each.last_wh is None else kwh(each.last_wh),
        None if load is None else kwh(load.energy_wh),
        None if load is None else load.base_w,
        None if load is None or load.night_permille is None else Decimal(load.night_permille).scaleb(-1),
        None if load is None else len(load.odd),
    )


def _head(language: str, *names: str) -> tuple[str, ...]:
    return tuple(text(language, f"report.{name}") for name in names)


def _clock(report: UseReport, at: datetime, shape: str = _SHAPES[Length.DAY]) -> str:
    return f"{at.astimezone(ZoneInfo(report.time_zone)):{shape}}"
