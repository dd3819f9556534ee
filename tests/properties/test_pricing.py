"""Cumulative pricing: however a month is cut into readings, it costs the same."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.tariffs import FlatTariff, price

PRICES = st.integers(min_value=0, max_value=5_000_000)
STEPS = st.lists(st.integers(min_value=0, max_value=500_000), min_size=1, max_size=60)


@given(PRICES, STEPS)
def test_splitting_readings_never_changes_the_total(price_micro: int, steps_wh: list[int]) -> None:
    """M13, M12: lines plus carried remainder are exact, and the sum is that of one single reading."""
    tariff = FlatTariff(id="t", price_micro_per_kwh=price_micro)
    total_wh = charged = 0
    for step in steps_wh:
        total_wh += step
        priced = price(tariff, total_wh, charged)
        assert priced.charge_micro >= 0
        charged += priced.charge_micro
        assert charged + priced.remainder == tariff.cost(total_wh)
        assert abs(priced.remainder) < 1
    assert charged == price(tariff, total_wh, 0).charge_micro
    assert tariff.cost(total_wh) == Fraction(total_wh * price_micro, 1000)
