"""A price list as somebody words it: prices by band with their hours, or one price, and steps.

What is not said of free amounts, sewage and fees stays as it is, and so do hours where the bands are the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.errors import Refused
from prepaid.domain.tariffs.bands import DAY_MIN, Band, DayRule, Schedule, Span, clock_text
from prepaid.domain.tariffs.plan import (
    ALWAYS,
    Every,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    dearer,
    one_price,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWish:
    """A step above so many units: what it adds to every price, or (without bands) its own price, in micro-yuan."""

    above_wh: int
    micro: int
    adds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWish:
    """One version in somebody's words. Either `one_micro` or `bands` is given; `None` leaves what holds today."""

    utility: Utility = Utility.ELECTRICITY
    one_micro: int | None = None
    bands: tuple[tuple[Band, int], ...] = ()
    spans: tuple[Span, ...] = ()
    steps: tuple[StepWish, ...] = ()
    every: Every = Every.MONTH
    free_wh: int | None = None
    sewage_micro: int | None = None


def version_of(wish: PriceWish, held: Tariff | None, version_id: str, *, start: datetime = ALWAYS) -> Tariff:
    """The version that is wished for. `held` is the one in force, if any. Raises `Refused` naming what is wrong."""
    return _version(wish, held, version_id, start, _schedule(wish, held))


def check_wish(wish: PriceWish) -> None:
    """Raises `Refused` for what is wrong whatever list is in force; hours that are not said may be those of today."""
    # Where the hours are left to the list in force, any hours of these bands will do to look at the rest.
    kept = wish.bands and not wish.spans
    schedule = Schedule(rules=(), rest=wish.bands[0][0]) if kept else _schedule(wish, None)
    TariffPlan(versions=(_version(wish, None, "wish", ALWAYS, schedule),), utility=wish.utility)


def _version(
    wish: PriceWish, held: Tariff | None, version_id: str, start: datetime, schedule: Schedule | None
) -> Tariff:
    if (wish.one_micro is None) == (not wish.bands):
        raise Refused("refused.price_list_price")
    base = Step(prices=band_prices(dict(wish.bands)) if wish.bands else one_price(wish.one_micro or 0))
    return Tariff(
        id=version_id,
        start=start,
        steps=(base, *(_step(base, each, wish) for each in _rising(wish.steps))),
        step_every=wish.every,
        year_starts=held.year_starts if held else "01-01",
        schedule=schedule,
        free_wh=wish.free_wh if wish.free_wh is not None else held.free_wh if held else 0,
        sewage_micro=wish.sewage_micro if wish.sewage_micro is not None else held.sewage_micro if held else 0,
        fees=held.fees if held else (),
    )


def _rising(steps: tuple[StepWish, ...]) -> list[StepWish]:
    """In the order in which they are reached. Two that begin at the same amount leave open which price holds."""
    rising = sorted(steps, key=lambda step: step.above_wh)
    for one, other in itertools.pairwise(rising):
        if one.above_wh == other.above_wh:
            raise Refused("refused.price_list_steps", units=one.above_wh // 1000)
    return rising


def _step(base: Step, wish: StepWish, whole: PriceWish) -> Step:
    if wish.adds:
        return dearer(base, wish.above_wh, wish.micro)
    if whole.bands:
        raise Refused("refused.price_list_step_adds")
    return Step(above_wh=wish.above_wh, prices=one_price(wish.micro))


def _schedule(wish: PriceWish, held: Tariff | None) -> Schedule | None:
    """The hours of each band; those of today where none are said and the bands are the same."""
    if not wish.bands:
        if wish.spans:
            raise Refused("refused.price_list_price")
        return None
    priced = {band for band, _ in wish.bands}
    if not wish.spans:
        kept = held.schedule if held else None
        if kept is None or kept.bands != priced:
            raise Refused("refused.price_list_hours")
        return kept
    timed = {span.band for span in wish.spans}
    for band in sorted((priced ^ timed) - {Band.FLAT}):
        raise Refused("refused.price_list_band", rule=f"band.{band}")
    rule = DayRule(spans=tuple(sorted(wish.spans, key=lambda span: span.since_min)))
    gap = _gap(rule)
    if gap is not None and Band.FLAT not in priced:
        raise Refused("refused.price_list_gap", clock=clock_text(gap[0]), end=clock_text(gap[1]))
    return Schedule(rules=(rule,), rest=Band.FLAT if Band.FLAT in priced else rule.spans[-1].band)


def _gap(rule: DayRule) -> tuple[int, int] | None:
    """The first minutes of the day that no band has: since, until."""
    at = 0
    for span in rule.spans:
        if span.since_min > at:
            return at, span.since_min
        at = span.until_min
    return (at, DAY_MIN) if at < DAY_MIN else None
