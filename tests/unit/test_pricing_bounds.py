"""The exact line, instant and millionth at which a price, a step, a month or a band changes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.tariffs import (
    FREE,
    Band,
    Carry,
    DayRule,
    Every,
    Point,
    Priced,
    PricedLine,
    Pricer,
    Pricing,
    Schedule,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    flat,
    hours,
    one_price,
    point,
    price_interval,
    pricer,
    round_half_even,
    stepped,
    time_of_use,
)
from prepaid.domain.tariffs.timeline import Stretch, Timeline, millis, moment

HOUR = 3_600_000
MINUTE = 60_000
DAY = 24 * HOUR
NEW_YEAR = millis(datetime(2025, 12, 31, 16, tzinfo=UTC))
"""Midnight in Shanghai, the first of January 2026."""
APRIL = NEW_YEAR + 90 * DAY
SITE = SiteCalendar(time_zone="Asia/Shanghai", country="")
BERLIN = SiteCalendar(time_zone="Europe/Berlin", country="")
PRICES = {Band.PEAK: 900_000, Band.FLAT: 600_000, Band.VALLEY: 300_000}


def plan(*versions: Tariff, utility: Utility = Utility.ELECTRICITY) -> TariffPlan:
    """A plan of these versions."""
    return TariffPlan(versions=versions, utility=utility)


def by_hours(version_id: str = "t", *, start: datetime | None = None) -> Tariff:
    """Peak from eight to eleven, valley from 23 to seven, else flat."""
    rule = DayRule(spans=hours(Band.PEAK, "08:00-11:00") + hours(Band.VALLEY, "23:00-07:00"))
    made = time_of_use(version_id, Schedule(rules=(rule,)), PRICES)
    return made if start is None else time_of_use(version_id, Schedule(rules=(rule,)), PRICES, start=start)


def price(pricing: Pricing, start: Point, end: Point, carry: Carry | None = None) -> Priced:
    """One interval in Shanghai, by a pricer that knows nothing yet."""
    return Pricer(pricing, SITE).price(start, end, carry or Carry())


def parts(result: Priced, since: int) -> list[tuple[int, int, int, str, int]]:
    """Lines in short: from and to after `since`, energy, band and block."""
    return [(line.since_ms - since, line.until_ms - since, *line[2:5]) for line in result.lines]


@pytest.mark.parametrize(
    ("nano", "micro"),
    [
        (0, 0),
        (1, 0),
        (499, 0),
        (500, 0),
        (501, 1),
        (999, 1),
        (1_000, 1),
        (1_499, 1),
        (1_500, 2),
        (1_501, 2),
        (2_500, 2),
        (2_501, 3),
        (-499, 0),
        (-500, 0),
        (-501, -1),
        (-1_500, -2),
    ],
)
def test_a_half_goes_to_the_even_neighbour(nano: int, micro: int) -> None:
    """M13: to the nano-yuan, and as a whole number."""
    assert round_half_even(nano) == micro
    assert type(round_half_even(nano)) is int


def test_an_instant_is_its_milliseconds() -> None:
    """Y4: both ways, whatever zone it is told in; what is below a millisecond is cut off."""
    at = datetime(2026, 3, 1, 23, 59, 59, 123_999, tzinfo=UTC)
    ms = 20_513 * DAY + DAY - 1_000 + 123
    assert millis(at) == ms
    assert millis(at.astimezone(BERLIN.local(at).tzinfo)) == ms
    assert moment(ms) == at.replace(microsecond=123_000)
    assert point(at, 7, {"peak": 3}) == Point(ms, 7, {"peak": 3})
    assert point(at, 7) == Point(ms, 7, None)


def test_an_interval_does_not_run_backwards() -> None:
    """M11: neither its register nor its time; standing still is an interval."""
    pricing = plan(flat("t", 1))
    for start, end in ((Point(APRIL, 5), Point(APRIL + 1, 4)), (Point(APRIL, 5), Point(APRIL - 1, 5))):
        with pytest.raises(InvariantBroken, match=r"^an interval cannot run backwards$"):
            price(pricing, start, end)
    still = price(pricing, Point(APRIL, 5), Point(APRIL, 5))
    assert still == Priced(0, [], Carry(0, 0, "2026-04", 0, "2026-01-01", 0))
    assert price(pricing, Point(APRIL, 5), Point(APRIL, 6)).carry.month_wh == 1


def test_a_charge_is_what_is_due_less_what_was_charged() -> None:
    """M13: what is carried counts for the rounding, and the exact cost goes on from it."""
    carry = Carry(1_400, 1, "2026-04", 5, "2026-01-01", 6)
    result = price(plan(flat("t", 100)), Point(APRIL, 0), Point(APRIL + HOUR, 7), carry)
    assert result == Priced(
        1,
        [PricedLine(APRIL, APRIL + HOUR, 7, "flat", 0, 100, 0, "t")],
        Carry(2_100, 2, "2026-04", 12, "2026-01-01", 13),
    )
    assert (carry.remainder_nano, result.carry.remainder_nano) == (400, 100)
    assert result.lines[0].exact_nano == 700


def test_sewage_comes_on_top_of_every_litre_that_is_not_free() -> None:
    """T2: with steps and without."""
    for free_wh, cost in ((0, 10 * 12), (4, 6 * 12)):
        water = Tariff(id="w", steps=(Step(prices=one_price(7)),), sewage_micro=5, free_wh=free_wh)
        result = price(plan(water, utility=Utility.WATER), Point(APRIL, 0), Point(APRIL + HOUR, 10))
        assert result.carry.exact_nano == cost == sum(line.exact_nano for line in result.lines)
        assert [line.sewage_micro for line in result.lines][-1] == 5


@pytest.mark.parametrize(
    ("used", "lines"),
    [
        (0, [(1, FREE), (1, 0), (8, 1)]),
        (1, [(1, 0), (9, 1)]),
        (2, [(10, 1)]),
        (11, [(1, 1), (9, 2)]),
        (12, [(10, 2)]),
    ],
)
def test_each_limit_is_passed_at_its_very_unit(used: int, lines: list[tuple[int, int]]) -> None:
    """M12: one unit free, one at the first price, ten at the second, the rest at the third."""
    steps = tuple(Step(above_wh=above, prices=one_price(above + 1)) for above in (0, 2, 12))
    tariff = Tariff(id="t", steps=steps, free_wh=1)
    carry = Carry(month="2026-04", month_wh=used, year="2026-01-01", year_wh=500)
    result = price(plan(tariff), Point(APRIL, 0), Point(APRIL + HOUR, 10), carry)
    assert [(line.energy_wh, line.block) for line in result.lines] == lines
    assert [line.price_micro for line in result.lines] == [
        0 if block == FREE else steps[block].above_wh + 1 for _, block in lines
    ]
    assert all((line.since_ms, line.until_ms) == (APRIL, APRIL + HOUR) for line in result.lines)
    assert result.carry == Carry(
        sum(line.exact_nano for line in result.lines), result.charge_micro, "2026-04", used + 10, "2026-01-01", 510
    )


def test_a_free_amount_ends_before_or_after_a_step() -> None:
    """T2: what is free counts towards the steps, so that the first price may never be asked."""
    steps = (Step(prices=one_price(7)), Step(above_wh=4, prices=one_price(9)))
    tariff = Tariff(id="t", steps=steps, free_wh=6)
    result = price(plan(tariff), Point(APRIL, 0), Point(APRIL + HOUR, 10))
    assert [(line.energy_wh, line.block) for line in result.lines] == [(4, FREE), (2, FREE), (4, 1)]
    assert result.carry.exact_nano == 4 * 9


def test_one_free_unit_is_free() -> None:
    """T2: the least free amount that there is."""
    tariff = Tariff(id="t", steps=(Step(prices=one_price(7)),), free_wh=1)
    result = price(plan(tariff), Point(APRIL, 0), Point(APRIL + HOUR, 3))
    assert [(line.energy_wh, line.block) for line in result.lines] == [(1, FREE), (2, 0)]


@pytest.mark.parametrize(("every", "carried"), [(Every.MONTH, 0), (Every.YEAR, 100)])
def test_steps_count_their_own_period(every: Every, carried: int) -> None:
    """M12: at the change of a month, the month's steps start anew and the year's go on."""
    tariff = stepped("t", {0: 1, 101: 2}, every=every)
    carry = Carry(month="2026-03", month_wh=100, year="2026-01-01", year_wh=100)
    result = price(plan(tariff), Point(APRIL, 0), Point(APRIL + HOUR, 105), carry)
    assert [(line.energy_wh, line.block) for line in result.lines] == [(101 - carried, 0), (4 + carried, 1)]
    assert (result.carry.month_wh, result.carry.year_wh) == (105, 205)


def test_time_alone_cuts_at_every_band_rounded_down() -> None:
    """M12: three hours across six and seven, on a straight line of ten watt-hours."""
    since = APRIL + 6 * HOUR
    result = price(plan(by_hours()), Point(since, 3), Point(since + 3 * HOUR, 13))
    assert parts(result, since) == [
        (0, HOUR, 3, "valley", 0),
        (HOUR, 2 * HOUR, 3, "flat", 0),
        (2 * HOUR, 3 * HOUR, 4, "peak", 0),
    ]
    assert all(type(line.energy_wh) is int for line in result.lines)


def test_an_interval_up_to_a_change_stays_before_it() -> None:
    """M12: what ends at midnight is all of March; what begins there is all of April."""
    pricing = plan(by_hours())
    before = price(pricing, Point(APRIL - HOUR, 0), Point(APRIL, 5))
    assert parts(before, APRIL) == [(-HOUR, 0, 5, "valley", 0)]
    assert (before.carry.month, before.carry.month_wh) == ("2026-03", 5)
    after = price(pricing, Point(APRIL, 5), Point(APRIL + HOUR, 9), before.carry)
    assert (after.carry.month, after.carry.month_wh, after.carry.year_wh) == ("2026-04", 4, 9)


def registers(at_ms: int, **bands: int) -> Point:
    """A meter with band registers, and their sum."""
    return Point(at_ms, sum(bands.values()), bands)


def test_own_registers_are_cut_where_the_month_ends_and_nowhere_else() -> None:
    """M11, M12: the share of time rounded down goes to the month before, dearest band first."""
    start = registers(APRIL - 36 * HOUR, valley=10, peak=20)
    end = registers(APRIL + 12 * HOUR, valley=10 + 50, peak=20 + 101)
    result = price(plan(by_hours()), start, end)
    assert parts(result, APRIL) == [
        (-36 * HOUR, 0, 75, "peak", 0),
        (-36 * HOUR, 0, 37, "valley", 0),
        (0, 12 * HOUR, 26, "peak", 0),
        (0, 12 * HOUR, 13, "valley", 0),
    ]
    assert all(type(line.energy_wh) is int for line in result.lines)
    assert (result.carry.month, result.carry.month_wh, result.carry.year_wh) == ("2026-04", 39, 151)


@pytest.mark.parametrize("pricing", [plan(flat("t", 600_000)), plan(by_hours())], ids=["flat", "bands"])
def test_own_registers_over_many_months(pricing: TariffPlan) -> None:
    """M12: each month has its days' share; a spell ends with its month, also where the interval ends with it."""
    months = [NEW_YEAR, NEW_YEAR + 31 * DAY, NEW_YEAR + 59 * DAY, APRIL]
    fresh = TariffPlan(versions=pricing.versions)
    result = price(fresh, registers(NEW_YEAR, flat=0), registers(APRIL, flat=90))
    expected = [(a - NEW_YEAR, b - NEW_YEAR, (b - a) // DAY, "flat", 0) for a, b in pairwise(months)]
    assert parts(result, NEW_YEAR) == expected
    assert (result.carry.month, result.carry.month_wh) == ("2026-03", 31)


def test_own_registers_within_the_last_evening_of_a_month_are_one_line() -> None:
    """M12: the last band of all that are known yet is a spell like any other."""
    since = APRIL - 2 * HOUR
    result = price(plan(by_hours()), registers(since, valley=0), registers(APRIL - MINUTE, valley=9))
    assert parts(result, since) == [(0, 2 * HOUR - MINUTE, 9, "valley", 0)]


def test_own_registers_are_cut_where_a_version_starts() -> None:
    """M12: in mid-hour, and each side has its own version's name and price."""
    change = APRIL + 90 * MINUTE
    pricing = plan(by_hours("old"), flat("new", 1, start=moment(change)))
    result = price(pricing, registers(APRIL, peak=0), registers(APRIL + 3 * HOUR, peak=7))
    assert result.lines == [
        PricedLine(APRIL, change, 3, "peak", 0, 900_000, 0, "old"),
        PricedLine(change, APRIL + 3 * HOUR, 4, "peak", 0, 1, 0, "new"),
    ]


def test_own_registers_that_grew_in_no_time_are_billed() -> None:
    """M11: two readings of one instant lose nothing."""
    result = price(plan(by_hours()), registers(APRIL, peak=0), registers(APRIL, peak=7))
    assert parts(result, APRIL) == [(0, 0, 7, "peak", 0)]


@pytest.mark.parametrize(
    ("grown", "total", "billed"),
    [
        ({"flat": 20, "valley": 10}, 30, {"flat": 20, "valley": 10}),
        ({"flat": 20, "valley": 10}, 60, {"flat": 50, "valley": 10}),
        ({"flat": 20, "valley": 10}, 61, {"peak": 61}),
        ({"flat": 20, "valley": 10}, 25, {"flat": 15, "valley": 10}),
        ({"flat": 10, "valley": 20}, 25, {"flat": 10, "valley": 15}),
        ({"flat": 22, "valley": 10}, 2, {"valley": 2}),
        ({"flat": 22, "valley": 10}, 1, {"peak": 1}),
        ({"flat": 10, "valley": 22}, 2, {"flat": 2}),
        ({"flat": 12, "valley": 12}, 20, {"flat": 8, "valley": 12}),
        ({"flat": 0, "valley": 0}, 30, {"flat": 30}),
        ({"valley": 9}, 29, {"valley": 29}),
        ({"valley": 9}, 30, {"peak": 30}),
        ({"flat": -1, "valley": 10}, 9, {"peak": 9}),
        ({"flat": 0, "valley": 9}, 9, {"valley": 9}),
        ({"tip": 9}, 9, {"peak": 9}),
    ],
)
def test_registers_may_lag_by_a_digit_each(grown: dict[str, int], total: int, billed: dict[str, int]) -> None:
    """M11: ten watt-hours for each and for the total, told by the largest; beyond it, time says which band it was."""
    eight = APRIL + 8 * HOUR
    start = Point(eight, 500, dict.fromkeys(grown, 5))
    end = Point(eight + HOUR, 500 + total, {band: 5 + wh for band, wh in grown.items()})
    result = price(plan(by_hours()), start, end)
    assert {line.band: line.energy_wh for line in result.lines} == billed


@pytest.mark.parametrize(
    ("before", "after"), [(None, {"flat": 9}), ({"flat": 0}, None), ({"flat": 0}, {"valley": 9}), ({}, {})]
)
def test_registers_that_do_not_match_are_not_used(before: dict[str, int] | None, after: dict[str, int] | None) -> None:
    """M11: a device that was exchanged may have others or none."""
    eight = APRIL + 8 * HOUR
    result = price(plan(by_hours()), Point(eight, 0, before), Point(eight + HOUR, 9, after))
    assert parts(result, eight) == [(0, HOUR, 9, "peak", 0)]


def test_a_band_that_the_schedule_never_reaches_costs_the_rest() -> None:
    """M12: a meter may count in more bands than the price list names."""
    result = price(plan(by_hours()), registers(APRIL, sharp=0, valley=0), registers(APRIL + HOUR, sharp=4, valley=6))
    assert [(line.band, line.price_micro) for line in result.lines] == [("sharp", 600_000), ("valley", 300_000)]
    single = plan(Tariff(id="t", steps=(Step(prices=band_prices({Band.FLAT: 3, Band.SHARP: 5})),)))
    result = price(single, registers(APRIL, sharp=0), registers(APRIL + HOUR, sharp=4))
    assert [line.price_micro for line in result.lines] == [3]


@pytest.mark.parametrize(
    ("minutes", "month_wh", "year_wh", "micro"),
    [
        (6 * 60 + 59, 0, 0, 0),
        (6 * 60 + 59, 9, 0, 0),
        (6 * 60 + 59, 10, 0, 305),
        (7 * 60, 10, 0, 605),
        (8 * 60, 10, 0, 905),
        (11 * 60, 10, 0, 605),
        (8 * 60, 99, 0, 905),
        (8 * 60, 100, 0, 1_905),
        (8 * 60, 99, 100, 905),
    ],
)
def test_the_price_of_this_instant(minutes: int, month_wh: int, year_wh: int, micro: int) -> None:
    """M16: of the next unit, in this band and step, with sewage, and nothing while units are free."""
    first = {Band.PEAK: 900, Band.FLAT: 600, Band.VALLEY: 300}
    steps = (
        Step(prices=band_prices(first)),
        Step(above_wh=100, prices=band_prices({band: 1_000 + micro for band, micro in first.items()})),
    )
    water = Tariff(id="w", steps=steps, schedule=by_hours().schedule, free_wh=10, sewage_micro=5)
    carry = Carry(12_345, 12, "2026-04", month_wh, "2026-01-01", year_wh)
    now = moment(APRIL + minutes * MINUTE)
    assert Pricer(plan(water, utility=Utility.WATER), SITE).price_now(now, carry) == micro


def test_the_price_of_this_instant_knows_the_year() -> None:
    """M16, M12: yearly steps go on in the year that is carried, and anew in another."""
    yearly = Pricer(plan(stepped("t", {0: 7, 100: 9}, every=Every.YEAR)), SITE)
    carry = Carry(month="2026-03", month_wh=1, year="2026-01-01", year_wh=100)
    assert yearly.price_now(moment(APRIL), carry) == 9
    assert yearly.price_now(moment(APRIL), carry._replace(year_wh=99)) == 7
    assert yearly.price_now(moment(NEW_YEAR - 1), carry) == 7


def test_one_pricer_serves_a_plan_at_a_site() -> None:
    """Pricing an interval is what the pricer says, and the pricer is made once for each plan and calendar."""
    pricing = plan(by_hours())
    assert pricer(pricing, SITE) is pricer(plan(by_hours()), SITE)
    assert pricer(pricing, SITE) is not pricer(pricing, BERLIN)
    start, end, carry = Point(APRIL, 3), Point(APRIL + 8 * HOUR, 90), Carry(3, 0, "2026-04", 1, "2026-01-01", 1)
    assert price_interval(pricing, SITE, start, end, carry) == price(pricing, start, end, carry)
    assert price_interval(pricing, BERLIN, start, end, carry) == Pricer(pricing, BERLIN).price(start, end, carry)


def spans(timeline: Timeline, since: int, until: int) -> list[tuple[int, Stretch]]:
    """The stretches of an interval, each with its beginning."""
    first = timeline.index(since, until)
    last = timeline.index(until, until)
    return list(zip(timeline.starts, timeline.stretches, strict=True))[first : last + 1]


def test_a_plain_month_is_one_stretch() -> None:
    """M12: without bands nothing changes within a month; months are loaded as they are asked for."""
    timeline = Timeline(plan(flat("t", 1)), SITE)
    assert (timeline.starts, timeline.since, timeline.until) == ([], 0, 0)
    assert timeline.index(NEW_YEAR, NEW_YEAR) == 0
    assert (timeline.since, timeline.until) == (NEW_YEAR, NEW_YEAR + 31 * DAY)
    assert timeline.stretches == [Stretch(0, Band.FLAT, "2026-01", "2026-01-01")]
    assert timeline.index(NEW_YEAR + 31 * DAY - 1, NEW_YEAR + 31 * DAY - 1) == 0
    assert (timeline.since, timeline.until) == (NEW_YEAR, NEW_YEAR + 31 * DAY)
    assert timeline.index(NEW_YEAR + 31 * DAY - 1, NEW_YEAR + 31 * DAY) == 0
    assert (timeline.since, timeline.until) == (NEW_YEAR, NEW_YEAR + 59 * DAY)
    assert timeline.index(NEW_YEAR - 1, NEW_YEAR - 1) == 0
    assert (timeline.since, timeline.until) == (NEW_YEAR - 31 * DAY, NEW_YEAR + 59 * DAY)
    assert [stretch.month for stretch in timeline.stretches] == ["2025-12", "2026-01", "2026-02"]
    assert [stretch.year for stretch in timeline.stretches] == ["2025-01-01", "2026-01-01", "2026-01-01"]
    assert timeline.starts == [NEW_YEAR - 31 * DAY, NEW_YEAR, NEW_YEAR + 31 * DAY]


def test_months_between_are_loaded_too_and_a_leap_starts_anew() -> None:
    """Y4: at most sixty-one months at a time, in order and without a gap, forwards and backwards."""
    timeline = Timeline(plan(flat("t", 1)), SITE)
    timeline.index(APRIL, APRIL)
    timeline.index(NEW_YEAR, NEW_YEAR)
    assert [stretch.month for stretch in timeline.stretches] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    five_years = millis(datetime(2030, 12, 31, 16, tzinfo=UTC))
    timeline.index(five_years, five_years)
    assert (len(timeline.starts), timeline.since) == (61, NEW_YEAR)
    timeline.index(five_years + 31 * DAY, five_years + 31 * DAY)
    assert [stretch.month for stretch in timeline.stretches] == ["2031-02"]
    assert (timeline.since, timeline.until) == (five_years + 31 * DAY, five_years + 59 * DAY)
    timeline.index(NEW_YEAR, NEW_YEAR)
    assert (timeline.starts, timeline.since, timeline.until) == ([NEW_YEAR], NEW_YEAR, NEW_YEAR + 31 * DAY)
    timeline.index(NEW_YEAR, five_years + 59 * DAY)
    assert (len(timeline.starts), timeline.stretches[-1].month) == (63, "2031-03")


def test_a_step_year_begins_within_a_month() -> None:
    """M12: the month is cut there, and at the start of a version, and at no other day."""
    first = Tariff(id="a", steps=(Step(prices=one_price(1)),), year_starts="01-16")
    second = flat("b", 2, start=moment(NEW_YEAR + 20 * DAY + 5))
    timeline = Timeline(plan(first, second), SITE)
    assert spans(timeline, NEW_YEAR, NEW_YEAR + 40 * DAY) == [
        (NEW_YEAR, Stretch(0, Band.FLAT, "2026-01", "2025-01-16")),
        (NEW_YEAR + 15 * DAY, Stretch(0, Band.FLAT, "2026-01", "2026-01-16")),
        (NEW_YEAR + 20 * DAY + 5, Stretch(1, Band.FLAT, "2026-01", "2026-01-01")),
        (NEW_YEAR + 31 * DAY, Stretch(1, Band.FLAT, "2026-02", "2026-01-01")),
    ]


def test_a_version_that_starts_with_the_month_has_all_of_it() -> None:
    """M12: neither a millisecond of the old one is left, nor one of the new one lost."""
    for start, first in ((NEW_YEAR, 1), (NEW_YEAR + 1, 0), (NEW_YEAR + 31 * DAY, 0)):
        timeline = Timeline(plan(flat("a", 1), flat("b", 2, start=moment(start))), SITE)
        found = spans(timeline, NEW_YEAR, NEW_YEAR + 31 * DAY - 1)
        assert [stretch.version for _, stretch in found] == ([0, 1] if start == NEW_YEAR + 1 else [first])
        assert found[-1][0] == (NEW_YEAR + 1 if start == NEW_YEAR + 1 else NEW_YEAR)


def changes(calendar: SiteCalendar, midnight: datetime, lasting_h: int, *texts: str) -> list[tuple[float, str]]:
    """Which band holds from how many hours after an instant."""
    rule = DayRule(spans=hours(Band.VALLEY, *texts))
    timeline = Timeline(plan(time_of_use("t", Schedule(rules=(rule,)), PRICES)), calendar)
    since = millis(midnight)
    found = spans(timeline, since, since + lasting_h * HOUR - 1)
    return [(max(0, at - since) / HOUR, str(stretch.band)) for at, stretch in found]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("01:30-04:00",), [(0, "flat"), (1.5, "valley"), (3, "flat")]),
        (("02:00-03:00",), [(0, "flat")]),
        (("02:15-03:15",), [(0, "flat"), (2, "valley"), (2.25, "flat")]),
        (("01:00-02:00",), [(0, "flat"), (1, "valley"), (2, "flat")]),
        (("03:00-04:00",), [(0, "flat"), (2, "valley"), (3, "flat")]),
        (("23:00-00:00",), [(0, "flat"), (22, "valley")]),
    ],
)
def test_an_hour_that_the_clock_leaves_out(texts: tuple[str, ...], expected: list[tuple[float, str]]) -> None:
    """M12, Y4: in Berlin two o'clock is three on 29 March 2026."""
    assert changes(BERLIN, datetime(2026, 3, 28, 23, tzinfo=UTC), 23, *texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("01:30-04:00",), [(0, "flat"), (1.5, "valley"), (5, "flat")]),
        (("02:00-03:00",), [(0, "flat"), (2, "valley"), (4, "flat")]),
        (("02:15-02:45",), [(0, "flat"), (2.25, "valley"), (2.75, "flat"), (3.25, "valley"), (3.75, "flat")]),
        (("01:00-02:00",), [(0, "flat"), (1, "valley"), (2, "flat")]),
        (("03:00-04:00",), [(0, "flat"), (4, "valley"), (5, "flat")]),
        (("23:00-00:00",), [(0, "flat"), (24, "valley")]),
    ],
)
def test_an_hour_that_the_clock_shows_twice(texts: tuple[str, ...], expected: list[tuple[float, str]]) -> None:
    """M12, Y4: in Berlin three o'clock is two again on 25 October 2026, and a band of that hour holds twice."""
    assert changes(BERLIN, datetime(2026, 10, 24, 22, tzinfo=UTC), 25, *texts) == expected


def test_a_clock_that_is_put_back_at_midnight() -> None:
    """M12, Y4: in Santiago the last hour of 4 April 2026 comes twice, and both belong to that day."""
    santiago = SiteCalendar(time_zone="America/Santiago", country="")
    found = changes(santiago, datetime(2026, 4, 4, 3, tzinfo=UTC), 26, "23:00-24:00")
    assert found == [(0, "flat"), (23, "valley"), (25, "flat")]
