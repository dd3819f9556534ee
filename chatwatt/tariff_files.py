"""Reads a price list that a landlord wrote as YAML. What is wrong is refused with its line and field.

Numbers are read as they stand in the text, so 0.5283 yuan is 528,300 micro-yuan and never a binary fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chatwatt.yaml_fields import WEEKDAYS, Field, read_yaml
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import (
    ALWAYS,
    Band,
    BandPrice,
    DayRule,
    Every,
    Fee,
    Holidays,
    Schedule,
    Season,
    Span,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    dearer,
    hours,
    one_price,
)


def load_plan(path: Path) -> TariffPlan:
    """The plan in a file."""
    return read_plan(path.read_text(encoding="utf-8"))


def read_plan(text: str) -> TariffPlan:
    """The plan in a text. Raises `Refused` with the line (and the field) that is wrong."""
    return _plan(read_yaml(text))


def _plan(field: Field) -> TariffPlan:
    parts = field.parts(must=("versions",), can=("utility",))
    utility = Utility(parts["utility"].choice(list(Utility))) if "utility" in parts else Utility.ELECTRICITY
    versions = tuple(_version(each) for each in parts["versions"].items())
    with parts["versions"].blamed():
        return TariffPlan(versions=versions, utility=utility)


def _version(field: Field) -> Tariff:
    can = ("start", "price", "prices", "steps", "schedule", "free", "sewage", "fees", "year_starts")
    parts = field.parts(must=("id",), can=can)
    every, steps = _steps(field, parts)
    with field.blamed():
        return Tariff(
            id=parts["id"].text(),
            start=parts["start"].instant() if "start" in parts else ALWAYS,
            steps=steps,
            step_every=every,
            year_starts=parts["year_starts"].text() if "year_starts" in parts else "01-01",
            schedule=_schedule(parts["schedule"]) if "schedule" in parts else None,
            free_wh=parts["free"].wh() if "free" in parts else 0,
            sewage_micro=parts["sewage"].micro() if "sewage" in parts else 0,
            fees=tuple(_fee(each) for each in parts["fees"].items()) if "fees" in parts else (),
        )


def _steps(field: Field, parts: Mapping[str, Field]) -> tuple[Every, tuple[Step, ...]]:
    """The first step is the version's own price; each block adds to it or has prices of its own."""
    base = Step(prices=_prices(field, parts))
    if "steps" not in parts:
        return Every.MONTH, (base,)
    steps = parts["steps"].parts(must=("every", "blocks"))
    every = Every(steps["every"].choice([Every.MONTH, Every.YEAR]))
    return every, (base, *(_block(each, base) for each in steps["blocks"].items()))


def _block(field: Field, base: Step) -> Step:
    parts = field.parts(must=("above",), can=("add", "price", "prices"))
    if "add" not in parts:
        return Step(above_wh=parts["above"].wh(), prices=_prices(field, parts))
    if len(parts) > len(("above", "add")):
        raise field.wrong()
    return dearer(base, parts["above"].wh(), parts["add"].micro())


def _prices(field: Field, parts: Mapping[str, Field]) -> tuple[BandPrice, ...]:
    if ("price" in parts) == ("prices" in parts):
        raise Refused("refused.tariff_field_missing", line=field.node.start_mark.line + 1, field="price")
    if "price" in parts:
        return one_price(parts["price"].micro())
    return band_prices({_band(name, part): part.micro() for name, part in parts["prices"].mapped().items()})


def _band(name: str, field: Field) -> Band:
    if name not in set(Band):
        raise field.wrong()
    return Band(name)


def _schedule(field: Field) -> Schedule:
    parts = field.parts(must=("days",), can=("rest",))
    rest = Band(parts["rest"].choice(list(Band))) if "rest" in parts else Band.FLAT
    return Schedule(rules=tuple(_rule(each) for each in parts["days"].items()), rest=rest)


def _rule(field: Field) -> DayRule:
    parts = field.parts(must=("hours",), can=("seasons", "weekdays", "holidays"))
    spans: list[Span] = []
    for name, times in parts["hours"].mapped().items():
        with times.blamed():
            spans += hours(_band(name, times), *(each.text() for each in times.items()))
    weekdays = parts["weekdays"].items() if "weekdays" in parts else ()
    with field.blamed():
        return DayRule(
            spans=tuple(spans),
            seasons=tuple(_season(each) for each in parts["seasons"].items()) if "seasons" in parts else (),
            weekdays=tuple(WEEKDAYS.index(day.choice(WEEKDAYS)) for day in weekdays) or tuple(range(7)),
            holidays=Holidays(parts["holidays"].choice(list(Holidays))) if "holidays" in parts else Holidays.ANY,
        )


def _season(field: Field) -> Season:
    parts = field.parts(must=("since", "until"))
    with field.blamed():
        return Season(since=parts["since"].text(), until=parts["until"].text())


def _fee(field: Field) -> Fee:
    parts = field.parts(must=("id", "every", "amount"))
    every = Every(parts["every"].choice([Every.DAY, Every.MONTH]))
    return Fee(id=parts["id"].text(), every=every, amount_micro=parts["amount"].micro())
