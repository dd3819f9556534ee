"""The last watt-hour that is plausible and the first that is not, for every judgement about a register."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.metering import (
    Doubt,
    Judged,
    Meter,
    Reading,
    begins_use_while_empty,
    decimals_moved,
    judge,
    most_wh,
    rescaled,
    total_wh,
)
from prepaid.domain.tariffs.plan import Utility

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
SHOWN = 500_000
MINUTE_WH = 395
"""What 60 A at 230 V, half as much again, give in a minute (345 Wh), and 50 Wh of slack."""


def said(energy_wh: int, *, after_s: int = 60, serial: str | None = "a") -> Reading:
    """What the register says some seconds after the last good reading."""
    return Reading(meter_id="m", at=T0 + timedelta(seconds=after_s), energy_wh=energy_wh, serial=serial)


def meter(last_wh: int = SHOWN, /, **changes: object) -> Meter:
    """A meter whose last good total is `last_wh`."""
    made = Meter(
        id="m",
        site_id="s",
        path="o/s/1",
        gateway_id="g",
        unit=1,
        profile="p",
        serial="a",
        last=said(last_wh, after_s=0),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def held(doubt: Doubt, reading: Reading, **changes: object) -> Meter:
    """The meter while that reading is held."""
    return meter(held=1, doubt=doubt, doubted=reading, **changes)


@pytest.mark.parametrize(
    ("register_wh", "exponent", "total_wh"), [(7, 0, 7), (7, 1, 70), (7, 3, 7_000), (79, -1, 7), (999, -3, 0)]
)
def test_a_register_is_scaled_by_its_exponent(register_wh: int, exponent: int, total_wh: int) -> None:
    """M11: each place is ten times, and what is below one unit is not billed yet."""
    assert rescaled(register_wh, exponent) == total_wh
    assert type(rescaled(register_wh, exponent)) is int


def test_the_total_is_the_scaled_register_behind_its_offset() -> None:
    """M11: the offset is in the supply's own units, so it is added after scaling."""
    assert total_wh(meter(offset_wh=-3, register_exponent=2), 5) == 497


@pytest.mark.parametrize(
    ("seconds", "most"), [(0, 55), (0.5, 55), (1, 55), (2, 61), (60, 395), (3_600, 20_750), (86_400, 496_850)]
)
def test_what_can_pass_in_a_time(seconds: float, most: int) -> None:
    """S10: rated current and voltage, half as much again, and a slack; at least a second's worth."""
    assert most_wh(meter(), T0, T0 + timedelta(seconds=seconds)) == most


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"rated_current_a": 10}, 107),
        ({"mains_voltage_v": 110}, 215),
        ({"load_scale": 2}, 790),
        ({"register_exponent": 1}, MINUTE_WH),
        ({"offset_wh": 1_000}, MINUTE_WH),
    ],
)
def test_what_can_pass_depends_on_what_the_meter_is_rated_for(change: dict[str, object], most: int) -> None:
    """S10: current, voltage and a demonstration's pace count, not how the register is read."""
    assert most_wh(meter(**change), T0, T0 + timedelta(minutes=1)) == most


def test_a_second_reading_of_the_same_instant_is_in_order() -> None:
    """S10: only an earlier one is out of order; of the same instant it is judged by its figure."""
    assert judge(meter(), said(SHOWN, after_s=0)) == Judged(said(SHOWN, after_s=0))
    assert judge(meter(), said(SHOWN + 55, after_s=0)).doubt is None
    assert judge(meter(), said(SHOWN + 56, after_s=0)).doubt is Doubt.TOO_FAST


@pytest.mark.parametrize(
    ("reading", "doubt"),
    [
        (said(SHOWN, after_s=-1), Doubt.OUT_OF_ORDER),
        (said(SHOWN, serial="b"), Doubt.WRONG_METER),
        (said(SHOWN + 9_000), Doubt.TOO_FAST),
        (said(SHOWN - 1), Doubt.BACKWARDS),
        (said(SHOWN // 10), Doubt.DECIMALS),
        (said(0), Doubt.RESET),
    ],
)
def test_a_doubted_reading_is_handed_on_as_it_came(reading: Reading, doubt: Doubt) -> None:
    """S10: an admin sees the register itself, not what an offset made of it, and it is the first of its kind."""
    assert judge(meter(), reading) == Judged(reading, doubt, again=False)
    shifted = meter(SHOWN + 77, offset_wh=77)
    assert judge(shifted, reading) == Judged(reading, doubt, again=False)


def test_a_good_reading_is_handed_on_as_the_total() -> None:
    """M11: everything else about it stays, and the offset is added once."""
    shifted = meter(SHOWN + 77, offset_wh=77)
    reading = replace(said(SHOWN + 5), relay_on=True, power_w=9, bands={"peak": 3})
    assert judge(shifted, reading) == Judged(replace(reading, energy_wh=SHOWN + 82), None)


def test_a_number_that_is_not_known_is_no_other_meter() -> None:
    """S11: only two numbers can contradict one another."""
    assert judge(meter(serial=None), said(SHOWN, serial="b")).doubt is None
    assert judge(meter(serial=""), said(SHOWN, serial="b")).doubt is None
    assert judge(meter(), said(SHOWN, serial="")).doubt is None


def test_a_doubt_without_its_reading_ends_by_the_figure() -> None:
    """S10: a row that lost what was held is judged anew."""
    assert judge(meter(doubt=Doubt.TOO_FAST, doubted=None), said(SHOWN)) == Judged(said(SHOWN))


@pytest.mark.parametrize(
    ("grown", "goes_on"), [(-1, False), (0, True), (1, True), (MINUTE_WH, True), (MINUTE_WH + 1, False)]
)
def test_what_goes_on_from_a_held_reading_is_held(grown: int, goes_on: bool) -> None:
    """S10: from standing still to what can pass since the held one, to the watt-hour."""
    first = said(900_000)
    again = judge(held(Doubt.TOO_FAST, first), said(900_000 + grown, after_s=120))
    assert again.again is goes_on
    assert again.reading == said(900_000 + grown, after_s=120)
    assert again.doubt is Doubt.TOO_FAST


@pytest.mark.parametrize(
    ("grown", "goes_on"), [(-1, False), (0, True), (1_000 * MINUTE_WH, True), (1_000 * MINUTE_WH + 1, False)]
)
def test_a_register_of_other_decimals_may_run_a_thousand_times_as_fast(grown: int, goes_on: bool) -> None:
    """S10: while the decimals are in doubt a step may be worth any of three places."""
    first = said(SHOWN * 10)
    assert judge(held(Doubt.DECIMALS, first), said(SHOWN * 10 + grown, after_s=120)).again is goes_on


def test_a_doubt_about_a_scaled_register_is_judged_in_its_steps() -> None:
    """S10: with an exponent of one, 39 steps of the register pass in a minute and 40 do not."""
    first = said(90_000)
    scaled = held(Doubt.TOO_FAST, first, register_exponent=1)
    assert judge(scaled, said(90_039, after_s=120)).again
    assert not judge(scaled, said(90_040, after_s=120)).again


def test_another_device_is_held_whatever_it_counts() -> None:
    """S11: its own number, or none, goes on with the doubt; no figure ends it."""
    replaced = held(Doubt.WRONG_METER, said(3, serial="b"))
    for serial in ("b", None):
        for energy_wh in (0, SHOWN, 9 * SHOWN):
            assert judge(replaced, said(energy_wh, after_s=120, serial=serial)).again
    third = judge(replaced, said(SHOWN, after_s=120, serial="c"))
    assert (third.doubt, third.again) == (Doubt.WRONG_METER, False)


@pytest.mark.parametrize(
    ("grown", "doubt"),
    [(-1, Doubt.BACKWARDS), (0, None), (1, None), (MINUTE_WH, None), (MINUTE_WH + 1, Doubt.TOO_FAST)],
)
def test_a_total_behind_an_offset_is_judged_as_any_other(grown: int, doubt: Doubt | None) -> None:
    """S10, M11: a replacement moves no bound, whichever way it moved the total."""
    for offset_wh in (-40_000, 40_000):
        shifted = meter(SHOWN + offset_wh, offset_wh=offset_wh)
        assert judge(shifted, said(SHOWN + grown)).doubt is doubt


@pytest.mark.parametrize(
    ("register_wh", "doubt"),
    [(0, Doubt.RESET), (MINUTE_WH, Doubt.RESET), (MINUTE_WH + 1, Doubt.BACKWARDS)],
)
def test_a_reset_is_told_by_the_register_not_by_the_total(register_wh: int, doubt: Doubt) -> None:
    """S10: near zero on the device itself, whatever was counted before it was put there."""
    for offset_wh in (-2_000, 2_000):
        shifted = meter(3_500 + offset_wh, offset_wh=offset_wh)
        assert judge(shifted, said(register_wh)).doubt is doubt


@pytest.mark.parametrize(
    ("register_wh", "doubt"),
    [
        (0, Doubt.ROLLED_OVER),
        (1, Doubt.ROLLED_OVER),
        (MINUTE_WH - 10, Doubt.ROLLED_OVER),
        (MINUTE_WH - 9, Doubt.RESET),
        (MINUTE_WH + 1, Doubt.BACKWARDS),
    ],
)
def test_a_register_rolls_over_at_its_width_and_nowhere_else(register_wh: int, doubt: Doubt) -> None:
    """S10: ten watt-hours before the end, a minute's worth of growth reaches 385."""
    assert judge(meter(99_990, register_wraps_wh=100_000), said(register_wh)).doubt is doubt


def test_a_register_that_stands_at_its_width_has_rolled_over() -> None:
    """S10: exactly one width less is a roll-over without any use; a watt-hour less than that is not."""
    wide = meter(100_300, register_wraps_wh=100_000)
    assert judge(wide, said(300)).doubt is Doubt.ROLLED_OVER
    assert judge(wide, said(299)).doubt is Doubt.RESET


@pytest.mark.parametrize(("last_wh", "exponent"), [(10 * MINUTE_WH, 0), (10 * MINUTE_WH + 1, -1)])
def test_of_a_register_near_zero_no_decimals_are_said_to_have_moved(last_wh: int, exponent: int) -> None:
    """S10: up to ten times what can pass meanwhile, a jump is a jump; decided by the register, not by the total."""
    assert decimals_moved(meter(), said(last_wh), 10 * last_wh, MINUTE_WH) == exponent
    for offset_wh in (-2_000, 2_000):
        shifted, total = said(last_wh + offset_wh), 10 * last_wh + offset_wh
        assert decimals_moved(meter(offset_wh=offset_wh), shifted, total, MINUTE_WH) == exponent


@pytest.mark.parametrize(("exponent", "places"), [(1, 10), (2, 100), (3, 1_000)])
def test_digits_that_a_register_lost_are_found_to_the_watt_hour(exponent: int, places: int) -> None:
    """S10: it may say up to one of its new steps less, and a minute's worth more, and no more than that."""
    last = said(8_000_000)
    for lost, found in ((0, exponent), (places - 1, exponent), (places, 0)):
        assert decimals_moved(meter(), said(8_000_000 + lost), 8_000_000 // places, MINUTE_WH) == found
    for grown, found in ((MINUTE_WH, exponent), (MINUTE_WH + 1, 0)):
        behind = said(8_000_000 - grown)
        assert decimals_moved(meter(), behind, 8_000_000 // places, MINUTE_WH) == found
    assert decimals_moved(meter(), last, 8_000_000 // places, 0) == exponent


@pytest.mark.parametrize(("exponent", "places"), [(-1, 10), (-2, 100), (-3, 1_000)])
def test_digits_that_a_register_won_are_found_to_the_watt_hour(exponent: int, places: int) -> None:
    """S10: read in its new, finer steps it has not gone back, and no more than a minute's worth on."""
    for shown, found in (
        (SHOWN * places - 1, 0),
        (SHOWN * places, exponent),
        ((SHOWN + MINUTE_WH + 1) * places - 1, exponent),
        ((SHOWN + MINUTE_WH + 1) * places, 0),
    ):
        assert decimals_moved(meter(), said(SHOWN), shown, MINUTE_WH) == found


@pytest.mark.parametrize(
    ("total", "exponent"), [(5_000_000_000, 0), (500_000_000, -3), (500, 3), (50, 0), (SHOWN + MINUTE_WH + 1, 0)]
)
def test_a_point_moves_by_three_places_at_most(total: int, exponent: int) -> None:
    """S10: what four places would explain is not a question of decimals, and neither is a plain jump."""
    assert decimals_moved(meter(), said(SHOWN), total, MINUTE_WH) == exponent


def test_a_register_that_stands_still_has_its_decimals() -> None:
    """S10: nothing has moved, so there is nothing to decide."""
    assert decimals_moved(meter(), said(SHOWN), SHOWN, MINUTE_WH) == 0


@pytest.mark.parametrize(
    ("bands", "doubt"),
    [
        ({"peak": 5, "valley": 9}, None),
        ({"peak": 45, "valley": 9}, None),
        ({"peak": 46, "valley": 9}, Doubt.BANDS),
        ({"peak": 4, "valley": 20}, Doubt.BANDS),
        ({"peak": 5, "valley": 9, "flat": 99}, None),
        (None, None),
    ],
)
def test_registers_by_band_must_tell_the_story_of_the_total(bands: dict[str, int] | None, doubt: Doubt | None) -> None:
    """S10, M11: ten watt-hours in all, and a digit for each of three registers; others are not compared."""
    last = replace(said(SHOWN, after_s=0), bands={"peak": 5, "valley": 9})
    reading = replace(said(SHOWN + 10), bands=bands)
    expected = Judged(reading, doubt)
    assert judge(meter(last=last), reading) == expected
    assert judge(meter(), reading).doubt is None
    again = judge(held(Doubt.BANDS, said(3), last=last), reading)
    assert (again.doubt, again.again) == (doubt, doubt is not None)


def test_a_register_by_band_may_roll_over_where_its_width_is_known() -> None:
    """S10, M11: the wrap is added before the sum is compared."""
    last = replace(said(SHOWN, after_s=0), bands={"peak": 999_990})
    reading = replace(said(SHOWN + 20), bands={"peak": 10})
    assert judge(meter(last=last, register_wraps_wh=1_000_000), reading).doubt is None
    assert judge(meter(last=last), reading).doubt is Doubt.BANDS


def test_registers_by_band_are_scaled_as_the_total_is() -> None:
    """M11: decimals moved for all of a device's registers at once."""
    scaled = meter(SHOWN * 10, register_exponent=1)
    assert judge(scaled, replace(said(SHOWN), bands={"peak": 7})).reading.bands == {"peak": 70}
    assert judge(scaled, said(SHOWN)).reading.bands is None
    assert judge(meter(), replace(said(SHOWN), bands={"peak": 7})).reading.bands == {"peak": 7}


def test_another_doubt_than_that_about_bands_is_new() -> None:
    """S10: a jump while the bands are in doubt is told as the jump that it is."""
    jump = judge(held(Doubt.BANDS, said(3)), said(SHOWN + 9_000))
    assert (jump.doubt, jump.again) == (Doubt.TOO_FAST, False)
    last = replace(said(SHOWN, after_s=0), bands={"peak": 5})
    bands = judge(held(Doubt.TOO_FAST, said(900_000), last=last), replace(said(SHOWN + 5), bands={"peak": 500}))
    assert (bands.doubt, bands.again) == (Doubt.BANDS, False)


@pytest.mark.parametrize(
    ("register_wh", "begins", "changes"),
    [
        (1_000, False, {}),
        (1_001, True, {}),
        (9_000, True, {}),
        (9_000, True, {"last": None}),
        (1_000, False, {"last": None}),
        (1_001, False, {"account_id": "acc"}),
        (9_000, False, {"vacant_wh": None}),
        (1_101, False, {"vacant_wh": 101}),
        (1_102, True, {"vacant_wh": 101}),
        (100, False, {"utility": Utility.WATER}),
        (101, True, {"utility": Utility.WATER}),
    ],
)
def test_use_in_an_empty_room_begins_once(register_wh: int, begins: bool, changes: dict[str, object]) -> None:
    """N1: beyond 1 kWh or 100 litres since the tenant left, once; never with a tenant, and not where none was."""
    vacated = meter(0, **{"vacant_wh": 0, **changes})
    assert begins_use_while_empty(vacated, said(register_wh)) is begins
    if begins:
        assert not begins_use_while_empty(replace(vacated, last=said(register_wh)), said(register_wh + 1))
