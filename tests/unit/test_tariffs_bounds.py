"""What a price list may hold, to the last figure, and how it is told as a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import (
    ALWAYS,
    Band,
    BandPrice,
    DayRule,
    Every,
    Fee,
    Holidays,
    PricedLine,
    Schedule,
    Season,
    Span,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    dearer,
    flat,
    hours,
    lines_from_text,
    lines_text,
    one_price,
    plan_of,
    stepped,
    tariff_from_text,
    tariff_text,
    time_of_use,
)
from prepaid.domain.tariffs.bands import clock_text, minute
from prepaid.domain.tariffs.flat import FlatTariff

NEW = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG = "a text of more than twenty characters"


def refusal(act: Callable[[], object]) -> tuple[str, dict[str, object]]:
    """What a refusal says."""
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.key, dict(refused.value.params)


def spans(*bounds: tuple[Band, int, int]) -> tuple[Span, ...]:
    """Spans from their figures."""
    return tuple(Span(band=band, since_min=since, until_min=until) for band, since, until in bounds)


@pytest.mark.parametrize(("since", "until"), [(0, 1), (0, 1440), (1439, 1440), (480, 481)])
def test_a_span_has_at_least_a_minute_of_one_day(since: int, until: int) -> None:
    """P5: from the first minute to the end of the last."""
    assert spans((Band.PEAK, since, until))[0].until_min == until


@pytest.mark.parametrize(("since", "until"), [(-1, 60), (60, 60), (61, 60), (0, 1441), (0, 0), (1440, 1440)])
def test_no_span_is_empty_or_leaves_its_day(since: int, until: int) -> None:
    """P5: the refusal repeats the figures."""
    said = refusal(lambda: spans((Band.PEAK, since, until)))
    assert said == ("refused.tariff_hours", {"hours": f"{since}-{until}"})


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("08:00-11:00", [(480, 660)]),
        (" 08:00 - 08:01 ", [(480, 481)]),
        ("00:00-24:00", [(0, 1440)]),
        ("23:00-07:00", [(1380, 1440), (0, 420)]),
        ("23:59-00:00", [(1439, 1440)]),
        ("22:00-00:01", [(1320, 1440), (0, 1)]),
        ("06:00-06:00", [(360, 1440), (0, 360)]),
        ("00:00-00:00", [(0, 1440)]),
    ],
)
def test_clock_times_become_spans(text: str, bounds: list[tuple[int, int]]) -> None:
    """P5: past midnight is both ends of the same day, and every text is read, not only the first."""
    assert hours(Band.SHARP, text) == spans(*((Band.SHARP, *each) for each in bounds))
    more = hours(Band.SHARP, text, "12:00-13:00")
    assert more == spans(*((Band.SHARP, *each) for each in [*bounds, (720, 780)]))


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("0800", "0800"),
        (LONG, LONG[:20]),
        ("8:00-11:00", "8:00"),
        ("08:00-11:00-12:00", "11:00-12:00"),
        ("08:00-24:01", "24:01"),
        ("08:60-09:00", "08:60"),
        ("25:00-26:00", "25:00"),
        (f"{LONG}-09:00", LONG[:20]),
    ],
)
def test_what_is_no_clock_time_is_refused(text: str, repeated: str) -> None:
    """P5: the refusal repeats the part that could not be read, and not more than twenty characters of it."""
    assert refusal(lambda: hours(Band.PEAK, text)) == ("refused.tariff_hours", {"hours": repeated})


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("00:01", 1), ("09:59", 599), ("24:00", 1440)])
def test_a_minute_of_the_day_is_read_and_told(text: str, minutes: int) -> None:
    """P5: both ways, with both zeroes; "24:00" is the end of the day and the last that there is."""
    assert minute(text) == minutes
    assert clock_text(minutes) == text


def test_spans_may_touch_and_not_overlap() -> None:
    """P5: told by the clock time at which two bands would hold, in whatever order they are written."""
    touching = spans((Band.PEAK, 480, 660), (Band.VALLEY, 0, 480), (Band.SHARP, 660, 661))
    assert DayRule(spans=touching).spans == touching
    for order in (1, -1):
        crossing = spans((Band.PEAK, 480, 660), (Band.VALLEY, 0, 481))[::order]
        said = refusal(lambda crossing=crossing: DayRule(spans=crossing))  # type: ignore[misc]
        assert said == ("refused.tariff_hours_overlap", {"clock": "08:00"})


@pytest.mark.parametrize(
    ("since", "until", "inside", "outside"),
    [
        ("03-15", "03-15", ["03-15"], ["03-14", "03-16"]),
        ("07-01", "08-31", ["07-01", "08-31", "07-15"], ["06-30", "09-01", "01-01"]),
        ("12-01", "01-31", ["12-01", "12-31", "01-01", "01-31"], ["11-30", "02-01", "07-01"]),
        ("02-29", "03-01", ["03-01"], ["02-28"]),
    ],
)
def test_a_season_has_both_its_ends(since: str, until: str, inside: list[str], outside: list[str]) -> None:
    """P5: the first day and the last, over New Year too, and one day may be a season."""
    season = Season(since=since, until=until)
    assert [day for day in (*inside, *outside) if season.covers(date.fromisoformat(f"2026-{day}"))] == inside


@pytest.mark.parametrize("text", ["13-01", "00-10", "01-00", "01-32", "1-1", "01-01 ", LONG])
def test_what_is_no_day_of_the_year_is_refused(text: str) -> None:
    """P5: at either end, repeated up to twenty characters."""
    expected = ("refused.tariff_month_day", {"text": text[:20]})
    assert refusal(lambda: Season(since=text, until="12-31")) == expected
    assert refusal(lambda: Season(since="01-01", until=text)) == expected


def test_a_rule_is_for_its_days_alone() -> None:
    """P5: season, weekday and holiday must all agree, and a holiday rule says which kind of day it is for."""
    feast, plain = date(2026, 10, 1), date(2026, 10, 8)  # Both are Thursdays.
    calendar = SiteCalendar(country="", holidays=(feast,))
    part = spans((Band.PEAK, 0, 60))
    autumn, spring = Season(since="09-01", until="11-30"), Season(since="03-01", until="05-31")

    def covered(rule: DayRule) -> list[date]:
        return [day for day in (feast, plain) if rule.covers(day, calendar)]

    assert covered(DayRule(spans=part)) == [feast, plain]
    assert covered(DayRule(spans=part, holidays=Holidays.ONLY)) == [feast]
    assert covered(DayRule(spans=part, holidays=Holidays.NEVER)) == [plain]
    assert covered(DayRule(spans=part, weekdays=(3,))) == [feast, plain]
    assert covered(DayRule(spans=part, weekdays=(2, 4))) == []
    assert covered(DayRule(spans=part, seasons=(spring, autumn))) == [feast, plain]
    assert covered(DayRule(spans=part, seasons=(spring,))) == []
    assert covered(DayRule(spans=part, seasons=(autumn,), weekdays=(0,), holidays=Holidays.ONLY)) == []


def test_a_day_changes_bands_only_where_they_change() -> None:
    """P5: minutes that no span names are the rest's, and where there are none there is no such change."""
    calendar, day = SiteCalendar(country=""), date(2026, 3, 2)

    def changes(*bounds: tuple[Band, int, int]) -> tuple[tuple[int, Band], ...]:
        return Schedule(rules=(DayRule(spans=spans(*bounds)),), rest=Band.VALLEY).of_day(day, calendar)

    assert changes() == ((0, Band.VALLEY),)
    assert changes((Band.PEAK, 0, 1440)) == ((0, Band.PEAK),)
    assert changes((Band.PEAK, 0, 1439)) == ((0, Band.PEAK), (1439, Band.VALLEY))
    assert changes((Band.PEAK, 1, 1440)) == ((0, Band.VALLEY), (1, Band.PEAK))
    both = ((Band.SHARP, 660, 720), (Band.PEAK, 480, 660))
    assert changes(*both) == ((0, Band.VALLEY), (480, Band.PEAK), (660, Band.SHARP), (720, Band.VALLEY))
    gap = ((Band.SHARP, 661, 720), (Band.PEAK, 0, 660))
    assert changes(*gap) == ((0, Band.PEAK), (660, Band.VALLEY), (661, Band.SHARP), (720, Band.VALLEY))
    assert Schedule(rules=()).of_day(day, calendar) == ((0, Band.FLAT),)


def test_a_schedule_knows_its_bands() -> None:
    """P5: those of every rule and the rest, dearest first in the version."""
    rules = (DayRule(spans=spans((Band.VALLEY, 0, 60))), DayRule(spans=spans((Band.SHARP, 60, 120))))
    schedule = Schedule(rules=rules, rest=Band.PEAK)
    assert schedule.bands == {Band.VALLEY, Band.SHARP, Band.PEAK}
    version = time_of_use("t", schedule, dict.fromkeys(Band, 1))
    assert version.bands == (Band.SHARP, Band.PEAK, Band.VALLEY)
    assert flat("t", 1).bands == (Band.FLAT,)


def test_a_step_has_a_price_for_a_band_or_one_for_all() -> None:
    """P5: a single price holds everywhere, of several only the band's own."""
    step = Step(prices=band_prices({Band.VALLEY: 3, Band.PEAK: 7}))
    assert (step.price(Band.PEAK), step.price(Band.VALLEY)) == (7, 3)
    assert refusal(lambda: step.price(Band.SHARP)) == ("refused.tariff_band_price", {"band": "sharp"})
    assert [Step(prices=one_price(5)).price(band) for band in Band] == [5] * 5
    assert one_price(5) == (BandPrice(band=Band.FLAT, price_micro=5),)
    assert [each.band for each in step.prices] == [Band.PEAK, Band.VALLEY]


def test_a_dearer_step_has_the_same_bands() -> None:
    """P5: each price more by the same amount, from another limit on."""
    step = Step(above_wh=5, prices=band_prices({Band.PEAK: 7, Band.VALLEY: 3}))
    assert dearer(step, 90, 100) == Step(above_wh=90, prices=band_prices({Band.PEAK: 107, Band.VALLEY: 103}))


@pytest.mark.parametrize("above", [(), (1,), (0, 0), (0, 5, 5), (0, 6, 5), (-1, 5)])
def test_steps_begin_at_nothing_and_rise(above: tuple[int, ...]) -> None:
    """P5: every unit is in one step and one only."""
    steps = tuple(Step(above_wh=wh, prices=one_price(1)) for wh in above)
    assert refusal(lambda: Tariff(id="t", steps=steps)) == ("refused.tariff_steps", {})


def test_steps_may_be_a_unit_wide() -> None:
    """P5: the narrowest that there is."""
    assert [step.above_wh for step in stepped("t", {2: 9, 0: 5, 1: 7}).steps] == [0, 1, 2]


MOST = 1_000_000_000


@pytest.mark.parametrize("price_micro", [-1, MOST + 1, True, 0.5])
def test_no_price_is_negative_or_beyond_belief(price_micro: int) -> None:
    """P5, M13: in any step and band, of electricity as of sewage, and whole."""
    cheap = Step(prices=one_price(0))
    other = Step(above_wh=5, prices=one_price(price_micro))
    for act in (
        lambda: Tariff(id="t", steps=(Step(prices=one_price(price_micro)),)),
        lambda: Tariff(id="t", steps=(cheap, other)),
        lambda: Tariff(id="t", steps=(cheap,), sewage_micro=price_micro),
    ):
        assert refusal(act) == ("refused.tariff_price", {})


def test_the_least_and_the_most_are_prices() -> None:
    """P5: nothing, and a thousand yuan."""
    for price_micro in (0, MOST):
        made = Tariff(id="t", steps=(Step(prices=one_price(price_micro)),), sewage_micro=price_micro)
        assert made.sewage_micro == price_micro == made.steps[0].price(Band.FLAT)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"free_wh": -1}, "refused.tariff_price"),
        ({"fees": (Fee(id="f", every=Every.MONTH, amount_micro=0),)}, "refused.tariff_price"),
        ({"fees": (Fee(id="f", every=Every.YEAR, amount_micro=1),)}, "refused.tariff_price"),
        ({"step_every": Every.DAY}, "refused.tariff_version"),
        ({"start": NEW.replace(tzinfo=None)}, "refused.tariff_version"),
        ({"id": ""}, "refused.tariff_version"),
        ({"year_starts": "02-30x"}, "refused.tariff_month_day"),
    ],
)
def test_each_other_slip_has_its_refusal(fields: dict[str, object], key: str) -> None:
    """P5: one field at a time is enough."""
    assert refusal(lambda: replace(flat("t", 1), **fields))[0] == key  # type: ignore[arg-type]


def test_small_amounts_are_amounts() -> None:
    """P5: no free unit or one, a fee of a millionth each day or month."""
    for every in (Every.DAY, Every.MONTH):
        fee = Fee(id="f", every=every, amount_micro=1)
        assert replace(flat("t", 1), free_wh=1, fees=(fee,)).fees == (fee,)


def test_every_band_that_can_hold_needs_its_price_in_every_step() -> None:
    """P5: a version prices everything or is none."""
    schedule = Schedule(rules=(DayRule(spans=spans((Band.PEAK, 0, 60))),))
    whole, lacking = {Band.PEAK: 2, Band.FLAT: 1}, {Band.FLAT: 1, Band.VALLEY: 3}
    steps = (Step(prices=band_prices(whole)), Step(above_wh=5, prices=band_prices(lacking)))
    expected = ("refused.tariff_band_price", {"band": "peak"})
    assert refusal(lambda: Tariff(id="t", steps=steps, schedule=schedule)) == expected
    assert time_of_use("t", schedule, whole).steps == (Step(prices=band_prices(whole)),)


@pytest.mark.parametrize(
    ("starts", "day", "year"),
    [
        ("01-01", "2026-01-01", "2026-01-01"),
        ("01-01", "2026-12-31", "2026-01-01"),
        ("07-01", "2026-06-30", "2025-07-01"),
        ("07-01", "2026-07-01", "2026-07-01"),
        ("12-31", "2026-12-30", "2025-12-31"),
        ("07-01", "0987-07-01", "0987-07-01"),
        ("07-01", "0987-01-01", "0986-07-01"),
    ],
)
def test_a_step_year_is_named_by_its_first_day(starts: str, day: str, year: str) -> None:
    """M12: the day itself is in the year that it begins."""
    assert replace(flat("t", 1), year_starts=starts).year_of(date.fromisoformat(day)) == year


def test_short_ways_to_write_a_version_say_the_same() -> None:
    """P5: flat, by band, by steps: with their start, and for ever where none is given."""
    schedule = Schedule(rules=(), rest=Band.PEAK)
    one = (Step(prices=one_price(5)),)
    assert flat("t", 5, start=NEW) == Tariff(id="t", start=NEW, steps=one)
    assert (
        flat("t", 5).start == ALWAYS == time_of_use("t", schedule, {Band.PEAK: 5}).start == stepped("t", {0: 5}).start
    )
    by_band = Tariff(id="t", start=NEW, schedule=schedule, steps=(Step(prices=band_prices({Band.PEAK: 5})),))
    assert time_of_use("t", schedule, {Band.PEAK: 5}, start=NEW) == by_band
    more = (*one, Step(above_wh=9, prices=one_price(6)))
    by_step = Tariff(id="t", start=NEW, steps=more, step_every=Every.YEAR)
    assert stepped("t", {9: 6, 0: 5}, every=Every.YEAR, start=NEW) == by_step
    assert stepped("t", {0: 5}).step_every is Every.MONTH


def test_a_plan_has_versions_in_order_and_by_name() -> None:
    """P5: at least one, each later than the one before, no name twice, sewage for water alone."""
    old, new = flat("old", 1), flat("new", 2, start=NEW)
    dirty = replace(old, sewage_micro=1)
    assert refusal(lambda: TariffPlan(versions=())) == ("refused.tariff_order", {})
    assert refusal(lambda: TariffPlan(versions=(new, old))) == ("refused.tariff_order", {})
    assert refusal(lambda: TariffPlan(versions=(new, replace(new, id="x")))) == ("refused.tariff_order", {})
    assert refusal(lambda: TariffPlan(versions=(old, replace(new, id="old")))) == ("refused.tariff_id_taken", {})
    assert refusal(lambda: TariffPlan(versions=(new, replace(dirty, start=NEW + SECOND)))) == (
        "refused.tariff_sewage",
        {},
    )
    assert TariffPlan(versions=(dirty,), utility=Utility.WATER).versions == (dirty,)
    plan = TariffPlan(versions=(old, new))
    assert (plan.by_id("old"), plan.by_id("new"), plan.by_id("other")) == (old, new, None)


def test_a_version_is_in_force_from_its_start() -> None:
    """P5: at the very instant, and the oldest for whatever came before."""
    old, new, next_one = flat("a", 1, start=NEW - SECOND), flat("b", 2, start=NEW), flat("c", 3, start=NEW + SECOND)
    plan = TariffPlan(versions=(old, new, next_one))
    instants = [ALWAYS, NEW - SECOND, NEW - SECOND / 2, NEW, NEW + SECOND / 2, NEW + SECOND, NEW + timedelta(days=900)]
    assert [plan.at(instant).id for instant in instants] == ["a", "a", "a", "b", "b", "c", "c"]


def test_a_new_version_takes_the_place_of_later_ones() -> None:
    """P5: what would have started with it or after it is given up; what is older, and the utility, stays."""
    old, new, next_one = flat("a", 1), flat("b", 2, start=NEW), flat("c", 3, start=NEW + SECOND)
    plan = TariffPlan(versions=(old, new, next_one), utility=Utility.WATER)
    other = flat("x", 9, start=NEW)
    assert plan.having(other) == TariffPlan(versions=(old, other), utility=Utility.WATER)
    last = flat("x", 9, start=NEW + 2 * SECOND)
    assert plan.having(last).versions == (old, new, next_one, last)


def test_a_flat_price_of_old_documents_is_a_plan() -> None:
    """P5: by the same name and price, of electricity, for ever."""
    assert plan_of(FlatTariff(id="t1", price_micro_per_kwh=7)) == TariffPlan(versions=(flat("t1", 7),))
    plan = TariffPlan(versions=(flat("t1", 7),))
    assert plan_of(plan) is plan


def full() -> Tariff:
    """A version in which every field says something."""
    rule = DayRule(
        spans=spans((Band.SHARP, 60, 120)),
        seasons=(Season(since="07-01", until="08-31"),),
        weekdays=(0, 4),
        holidays=Holidays.NEVER,
    )
    prices = band_prices({Band.SHARP: 9, Band.VALLEY: 2})
    return Tariff(
        id="夏",
        start=datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=8))),
        steps=(Step(prices=prices), Step(above_wh=7, prices=prices)),
        step_every=Every.YEAR,
        year_starts="05-01",
        schedule=Schedule(rules=(rule,), rest=Band.VALLEY),
        free_wh=4,
        sewage_micro=3,
        fees=(Fee(id="f", every=Every.DAY, amount_micro=8),),
    )


def test_a_version_as_text_holds_every_field_and_comes_back() -> None:
    """A6: two persons agree to exactly this, so the text never changes by itself."""
    assert tariff_text(full()) == (
        '{"fees":[{"amount_micro":8,"every":"day","id":"f"}],"free_wh":4,"id":"夏",'
        '"schedule":{"rest":"valley","rules":[{"holidays":"never","seasons":[{"since":"07-01","until":"08-31"}],'
        '"spans":[{"band":"sharp","since_min":60,"until_min":120}],"weekdays":[0,4]}]},"sewage_micro":3,'
        '"start":"2026-05-01T00:00:00+08:00","step_every":"year",'
        '"steps":[{"above_wh":0,"prices":[{"band":"sharp","price_micro":9},{"band":"valley","price_micro":2}]},'
        '{"above_wh":7,"prices":[{"band":"sharp","price_micro":9},{"band":"valley","price_micro":2}]}],'
        '"year_starts":"05-01"}'
    )
    for version in (full(), flat("t", 5)):
        assert tariff_from_text(tariff_text(version)) == version
    back = tariff_from_text(tariff_text(full()))
    assert back.schedule is not None
    assert type(back.step_every) is Every
    assert type(back.schedule.rest) is Band
    assert type(back.schedule.rules[0].holidays) is Holidays
    assert type(back.steps[0].prices[0].band) is Band
    assert tariff_text(back) == tariff_text(full())


def test_lines_as_text_hold_no_more_than_they_must() -> None:
    """T2: sewage only where there is some, the version only where it is not the entry's own."""
    plain = PricedLine(1_000, 2_500, 30, "peak", 1, 500_000, 0, "t")
    dirty = plain._replace(sewage_micro=9)
    other = plain._replace(tariff="u")
    lines = [plain, dirty, other]
    text = lines_text(lines, start_ms=400, tariff="t")
    row = '600,2100,30,"peak",1,500000'
    assert text == f'[[{row}],[{row},9],[{row},0,"u"]]'
    assert lines_from_text(text, start_ms=400, tariff="t") == lines
    assert json.loads(lines_text([plain], start_ms=0, tariff="u")) == [[1_000, 2_500, 30, "peak", 1, 500_000, 0, "t"]]
