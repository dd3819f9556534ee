"""The reports of a site as tables in the reader's language."""

from __future__ import annotations

from bot.rendering.tables import Cell, Sheet, kwh, yuan
from bot.texts import has, text
from prepaid.domain.finance import TOP_UP, WATER, Finance
from prepaid.usecases.usage_report import Losses, UsageReport


def finance_sheets(language: str, report: Finance) -> tuple[Sheet, ...]:
    """Each account and the sum: balances, what moved them, energy by band; then debts by their age."""
    columns, bands = report.columns, report.bands
    head = ("account", "room", "opening")
    names = [text(language, f"report.{name}") for name in head]
    names += [_column(language, column) for column in columns]
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
    return text(language, "report.water") if band == WATER else text(language, "report.band", band=band)


def _column(language: str, column: str) -> str:
    kind, _, source = column.partition(":")
    if kind == TOP_UP:
        return text(language, "report.top_up", source=source)
    key = f"report.column_{kind}"
    return text(language, key) if has(key) else kind
