"""Cumulative pricing: however a stretch of time is cut into readings, it costs the same, to the nano-yuan."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs import (
    FREE,
    Band,
    Carry,
    DayRule,
    Every,
    FlatTariff,
    Point,
    PricedLine,
    Pricer,
    Schedule,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    hours,
    lines_from_text,
    lines_text,
    one_price,
    point,
    round_half_even,
)

SHANGHAI = SiteCalendar(time_zone="Asia/Shanghai", country="")
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
"""Noon in Shanghai."""
PRICES = st.integers(min_value=0, max_value=5_000_000)
USES = st.lists(st.tuples(st.integers(0, 500_000), st.integers(0, 7_200)), min_size=1, max_size=40)
"""Readings in a row: watt-hours and seconds since the one before."""


@st.composite
def tariffs(draw: st.DrawFn, *, schedule: bool = True) -> Tariff:
    """Any tariff of five bands, steps and a free amount."""
    above = sorted(draw(st.sets(st.integers(1, 2_000_000), max_size=3)))
    bands = st.fixed_dictionaries(dict.fromkeys(Band, PRICES))
    steps = tuple(Step(above_wh=wh, prices=band_prices(draw(bands))) for wh in (0, *above))
    return Tariff(
        id="t",
        steps=steps,
        step_every=draw(st.sampled_from([Every.MONTH, Every.YEAR])),
        schedule=five_bands() if schedule else None,
        free_wh=draw(st.sampled_from([0, 0, 15_000, 700_001])),
    )


def five_bands() -> Schedule:
    """Every band somewhere in the day; noon to two is flat."""
    spans = (
        *hours(Band.DEEP_VALLEY, "00:30-05:15"),
        *hours(Band.VALLEY, "22:00-00:30", "05:15-07:00"),
        *hours(Band.PEAK, "08:00-11:00", "14:00-19:00"),
        *hours(Band.SHARP, "19:00-21:00"),
    )
    return Schedule(rules=(DayRule(spans=spans),))


def priced(
    tariff: Tariff | TariffPlan | FlatTariff, points: list[Point], calendar: SiteCalendar = SHANGHAI
) -> tuple[list[int], list[PricedLine], Carry]:
    """All charges, all lines and what is carried in the end."""
    pricer = Pricer(TariffPlan(versions=(tariff,)) if isinstance(tariff, Tariff) else tariff, calendar)
    carry, charges, lines = Carry(), list[int](), list[PricedLine]()
    for start, end in itertools.pairwise(points):
        result = pricer.price(start, end, carry)
        carry = result.carry
        charges.append(result.charge_micro)
        lines += result.lines
    return charges, lines, carry


def registers(uses: list[tuple[int, int]], at: datetime) -> list[Point]:
    """Cumulative registers from uses."""
    found, wh = [point(at, 0)], 0
    for used, seconds in uses:
        wh, at = wh + used, at + timedelta(seconds=seconds)
        found.append(point(at, wh))
    return found


@given(PRICES, USES)
def test_splitting_readings_never_changes_the_total(price_micro: int, uses: list[tuple[int, int]]) -> None:
    """M13, M12: at a flat price, the charges of any readings are that of one single reading, rounded once."""
    points = registers(uses, NOON)
    charges, lines, carry = priced(FlatTariff(id="t", price_micro_per_kwh=price_micro), points)
    exact = Fraction(points[-1].wh * price_micro, 1000)
    assert sum(charges) == round(exact) == carry.charged_micro
    assert sum(charges) + Fraction(carry.remainder_nano, 1000) == exact
    assert sum(line.exact_nano for line in lines) == carry.exact_nano


@given(tariffs(), USES)
def test_lines_and_remainder_are_exact(tariff: Tariff, uses: list[tuple[int, int]]) -> None:
    """M13, T2: whatever the tariff, each charge is its lines plus what was brought less what is carried."""
    points = registers(uses, NOON)
    pricer, carry = Pricer(TariffPlan(versions=(tariff,)), SHANGHAI), Carry()
    for start, end in itertools.pairwise(points):
        result = pricer.price(start, end, carry)
        cost = sum(line.exact_nano for line in result.lines)
        assert cost + carry.remainder_nano == result.charge_micro * 1000 + result.carry.remainder_nano
        assert abs(result.carry.remainder_nano) <= 500
        assert result.charge_micro >= 0
        assert sum(line.energy_wh for line in result.lines) == end.wh - start.wh
        carry = result.carry


@given(tariffs(), st.integers(1, 3_000_000), st.lists(st.tuples(st.integers(0, 100), st.integers(0, 7_199_000))))
def test_steps_and_free_amounts_do_not_see_the_readings(
    tariff: Tariff, total_wh: int, cuts: list[tuple[int, int]]
) -> None:
    """M12, M13: within one band, steps and the free amount are passed at the same register however it is read."""
    ends = [(0, 0), (100, 7_199_000)]
    shares, times = zip(*(cuts + ends), strict=True)
    start = point(NOON, 0).at_ms
    points = [
        Point(start + time, total_wh * share // 100) for share, time in zip(sorted(shares), sorted(times), strict=True)
    ]
    charges, lines, carry = priced(tariff, points)
    once, whole, after = priced(tariff, [points[0], points[-1]])
    assert sum(charges) == sum(once)
    assert carry == after
    assert by_block(lines) == by_block(whole)


def by_block(lines: list[PricedLine]) -> dict[tuple[str, int, int], int]:
    """Energy by band, block and price."""
    total: dict[tuple[str, int, int], int] = {}
    for line in lines:
        key = (line.band, line.block, line.price_micro)
        total[key] = total.get(key, 0) + line.energy_wh
    return total


@given(tariffs(), st.integers(0, 367 * 24), st.integers(1, 40), st.integers(0, 10**7))
def test_straight_use_costs_the_same_read_at_every_hour(
    tariff: Tariff, after_h: int, lasting_h: int, wh_an_hour: int
) -> None:
    """M12: even across bands, months and years, readings on a straight line change nothing but the rounding of cuts."""
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=after_h)
    wh_an_hour -= wh_an_hour % 3600
    points = [point(begin + timedelta(hours=hour), hour * wh_an_hour) for hour in range(lasting_h + 1)]
    charges, _, carry = priced(tariff, points)
    once, _, after = priced(tariff, [points[0], points[-1]])
    assert (sum(charges), carry) == (sum(once), after)


@given(tariffs(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_energy_never_costs_less(tariff: Tariff, less_wh: int, more_wh: int) -> None:
    """M13: the total rises with the register."""
    less, more = sorted((less_wh, more_wh))
    later = NOON + timedelta(hours=1)
    small, _, _ = priced(tariff, [point(NOON, 0), point(later, less)])
    large, _, _ = priced(tariff, [point(NOON, 0), point(later, more)])
    assert sum(small) <= sum(large)


@given(tariffs(schedule=False), tariffs(), st.integers(0, 7_200), st.integers(0, 10**6))
def test_a_new_tariff_holds_from_its_very_second(old: Tariff, new: Tariff, after_s: int, wh: int) -> None:
    """M12: an interval over a change of tariff is cut there, and each part costs what its own version says."""
    change = NOON + timedelta(seconds=after_s)
    end = NOON + timedelta(seconds=7_200)
    newer = Tariff(
        id="new", start=change, steps=new.steps, step_every=new.step_every, schedule=new.schedule, free_wh=new.free_wh
    )
    plan = TariffPlan(versions=(old, newer))
    at_change = wh * after_s // 7_200
    whole, lines, carry = priced(plan, [point(NOON, 0), point(end, wh)])
    parts, _, other = priced(plan, [point(NOON, 0), point(change, at_change), point(end, wh)])
    assert (sum(whole), carry) == (sum(parts), other)
    assert sum(line.energy_wh for line in lines if line.tariff == "t") == at_change


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.sampled_from([Every.MONTH, Every.YEAR]))
def test_steps_are_carried(before_wh: int, more_wh: int, every: Every) -> None:
    """M11, M12: a reading goes on in the step that the period has reached, a new month or step year starts anew."""
    dear = Step(above_wh=100_000, prices=one_price(1_000_000))
    tariff = Tariff(id="t", steps=(Step(prices=one_price(500_000)), dear), step_every=every)
    pricer = Pricer(TariffPlan(versions=(tariff,)), SHANGHAI)
    carry = Carry(month="2026-03", month_wh=before_wh, year="2026-01-01", year_wh=before_wh)
    lines = pricer.price(point(NOON, 7), point(NOON + timedelta(hours=1), 7 + more_wh), carry).lines
    cheap = sum(line.energy_wh for line in lines if line.block == 0)
    assert cheap == max(0, min(more_wh, 100_000 - before_wh))
    april = datetime(2026, 4, 10, tzinfo=UTC)
    anew = pricer.price(point(april, 7), point(april + timedelta(hours=1), 7 + more_wh), carry)
    assert anew.carry.month_wh == more_wh
    assert anew.carry.year_wh == before_wh + more_wh
    expected = min(more_wh, 100_000) if every is Every.MONTH else cheap
    assert sum(line.energy_wh for line in anew.lines if line.block == 0) == expected


@given(st.integers(0, 10**6), st.dictionaries(st.sampled_from(list(Band)), st.integers(0, 10**6), min_size=1))
def test_a_meter_s_own_band_registers_are_billed(start_wh: int, grown: dict[Band, int]) -> None:
    """M11, M12: energy by band is what the meter's registers say, at any hour, and ends in the total register."""
    prices = band_prices({band: 1_000 * (place + 1) for place, band in enumerate(Band)})
    tariff = Tariff(id="t", steps=(Step(prices=prices),), schedule=five_bands())
    start = point(NOON, start_wh, dict.fromkeys(grown, 5))
    end = point(NOON + timedelta(days=30), start_wh + sum(grown.values()), {b: 5 + wh for b, wh in grown.items()})
    _, lines, _ = priced(tariff, [start, end])
    found: dict[str, int] = {}
    for line in lines:
        found[line.band] = found.get(line.band, 0) + line.energy_wh
    assert found == {band: wh for band, wh in grown.items() if wh}


@given(tariffs(), USES)
def test_lines_survive_being_written_down(tariff: Tariff, uses: list[tuple[int, int]]) -> None:
    """T2: the lines that an entry holds are the lines that were priced."""
    points = registers(uses, NOON)
    _, lines, _ = priced(tariff, points)
    start = points[0].at_ms
    assert lines_from_text(lines_text(lines, start_ms=start, tariff="t"), start_ms=start, tariff="t") == lines
    assert lines_from_text(lines_text(lines, start_ms=start, tariff="u"), start_ms=start, tariff="u") == lines


@given(st.integers(-(10**15), 10**15))
def test_halves_round_to_even(nano: int) -> None:
    """M13: rounding is Python's own of an exact fraction."""
    assert round_half_even(nano) == round(Fraction(nano, 1000))


def test_free_water_is_free_of_sewage_too() -> None:
    """T2: the first litres of a month cost nothing, and the sewage price comes with every other."""
    tariff = Tariff(id="w", steps=(Step(prices=one_price(2_000_000)),), free_wh=1_000, sewage_micro=900_000)
    plan = TariffPlan(versions=(tariff,), utility=Utility.WATER)
    charges, lines, _ = priced(plan, [point(NOON, 0), point(NOON + timedelta(hours=1), 1_500)])
    assert [(line.block, line.energy_wh) for line in lines] == [(FREE, 1_000), (0, 500)]
    assert sum(charges) == 500 * 2_900_000 // 1000
