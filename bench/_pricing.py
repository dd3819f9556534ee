"""Pure pricing: readings a second on one core, without a store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs import (
    Band,
    Carry,
    DayRule,
    Schedule,
    Span,
    Step,
    Tariff,
    TariffPlan,
    band_prices,
    flat,
    point,
    pricer,
)

READINGS = 30_000
STEP_S = 900
START = datetime(2026, 7, 1, tzinfo=UTC)


def priced() -> Mapping[str, int | float]:
    """Quarter-hour readings of one meter, one after the other, each going on from the one before."""
    return {
        "priced_flat_per_s": _rate(_plan(flat("flat", 600_000))),
        "priced_tou_step_per_s": _rate(tou_step_plan()),
    }


def tou_step_plan() -> TariffPlan:
    """Three bands a day under three blocks a month."""
    return _plan(_tou_step())


def _plan(version: Tariff) -> TariffPlan:
    return TariffPlan(versions=(version,))


def _rate(pricing: TariffPlan) -> int:
    prices, carry = pricer(pricing, SiteCalendar(time_zone="Asia/Shanghai")), Carry()
    points = [point(START + timedelta(seconds=n * STEP_S), n * 250) for n in range(READINGS + 1)]
    began = time.perf_counter()
    for start, end in itertools.pairwise(points):
        carry = prices.price(start, end, carry).carry
    return round(READINGS / (time.perf_counter() - began))


def _tou_step() -> Tariff:
    """Three bands a day under three blocks a month."""
    spans = (
        Span(band=Band.PEAK, since_min=8 * 60, until_min=22 * 60),
        Span(band=Band.VALLEY, since_min=0, until_min=6 * 60),
    )
    blocks = {0: 500_000, 200_000: 600_000, 400_000: 900_000}
    steps = tuple(
        Step(
            above_wh=above,
            prices=band_prices({Band.PEAK: price * 3 // 2, Band.FLAT: price, Band.VALLEY: price // 2}),
        )
        for above, price in blocks.items()
    )
    return Tariff(id="tou-step", schedule=Schedule(rules=(DayRule(spans=spans),)), steps=steps)
