"""Readings are judged by what can follow the last one; a doubt stays until somebody decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.errors import Refused
from prepaid.domain.metering import Doubt, Meter, Reading, judge, most_wh, rescaled, total_wh
from prepaid.domain.registers import Decision, HeldReading, continued, replaced

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
WIDTH = 1_000_000
LAST = Reading(meter_id="m", at=T0, energy_wh=500_000, serial="a")
METER = Meter(
    id="m",
    site_id="s",
    path="o/s/1",
    gateway_id="g",
    unit=1,
    profile="p",
    account_id="acc",
    serial="a",
    last=LAST,
    register_wraps_wh=WIDTH,
)
"""60 A at 230 V: 345 Wh a minute, and 50 for slack."""
MINUTE_WH = 395


def reading(energy_wh: int, *, after_s: int = 60, serial: str | None = "a") -> Reading:
    """What the meter says some seconds after the last good reading."""
    return Reading(meter_id="m", at=T0 + timedelta(seconds=after_s), energy_wh=energy_wh, serial=serial)


def doubting(doubt: Doubt, held: Reading) -> Meter:
    """The meter while a reading is held."""
    return replace(METER, held=1, doubt=doubt, doubted=held)


@pytest.mark.parametrize(
    ("energy_wh", "doubt"),
    [
        (500_000, None),
        (500_000 + MINUTE_WH, None),
        (500_001 + MINUTE_WH, Doubt.TOO_FAST),
        (499_999, Doubt.BACKWARDS),
        (0, Doubt.RESET),
        (MINUTE_WH, Doubt.RESET),
        (MINUTE_WH + 1, Doubt.BACKWARDS),
        (5_000_000, Doubt.DECIMALS),
        (50_001, Doubt.DECIMALS),
        (500, Doubt.DECIMALS),
    ],
)
def test_what_is_wrong_is_named(energy_wh: int, doubt: Doubt | None) -> None:
    """S10: each kind of implausible reading is told apart, to the watt-hour."""
    assert judge(METER, reading(energy_wh)).doubt is doubt


@pytest.mark.parametrize(("last_wh", "energy_wh"), [(WIDTH - 1, 0), (WIDTH - 300, 95), (WIDTH - 10, 385)])
def test_a_full_register_rolls_over(last_wh: int, energy_wh: int) -> None:
    """S10: near its end a small figure is a roll-over; one watt-hour too far it is not."""
    meter = replace(METER, last=replace(LAST, energy_wh=last_wh))
    assert judge(meter, reading(energy_wh)).doubt is Doubt.ROLLED_OVER
    assert judge(meter, reading(energy_wh + MINUTE_WH)).doubt is not Doubt.ROLLED_OVER
    assert judge(replace(meter, register_wraps_wh=None), reading(energy_wh)).doubt is Doubt.RESET


def test_another_device_is_recognised_by_its_number() -> None:
    """S11, S10: however plausible the figure; a reading without a number ends no such doubt, the bound number does."""
    held = reading(500_010, serial="b")
    assert judge(METER, held).doubt is Doubt.WRONG_METER
    meter = doubting(Doubt.WRONG_METER, held)
    assert judge(meter, reading(500_020, serial=None, after_s=120)).doubt is Doubt.WRONG_METER
    assert judge(meter, reading(500_020, serial="b", after_s=120)).again
    assert not judge(meter, reading(500_020, serial="c", after_s=120)).again
    assert judge(meter, reading(500_020, after_s=120)).doubt is None


def test_waiting_makes_no_jump_plausible() -> None:
    """S10: a jump that is held stays held for days, though the meter could by then have counted as much."""
    meter = doubting(Doubt.TOO_FAST, reading(540_000))
    later = judge(meter, reading(541_000, after_s=7 * 24 * 3600))
    assert (later.doubt, later.again) == (Doubt.TOO_FAST, True)


def test_a_disturbance_passes() -> None:
    """S10: when the meter goes on from its last good reading, the doubt is over."""
    judged = judge(doubting(Doubt.TOO_FAST, reading(900_000)), reading(500_100, after_s=120))
    assert judged.doubt is None


def test_a_late_answer_is_no_doubt_about_the_register() -> None:
    """S10: an earlier reading that arrives late is left aside, whatever it says."""
    assert judge(METER, reading(1, after_s=-1)).doubt is Doubt.OUT_OF_ORDER


def test_the_first_reading_of_all_is_taken() -> None:
    """S10: there is nothing yet that it could contradict."""
    assert judge(replace(METER, last=None), reading(7)).doubt is None


def test_totals_go_on_behind_an_offset() -> None:
    """M11: a register is read as the supply's total, and rescaled down it never says more than it counted."""
    meter = replace(METER, offset_wh=1_000, register_exponent=-1)
    assert total_wh(meter, 509) == 1_050
    assert rescaled(5, 2) == 500
    assert judge(replace(meter, last=None), reading(509)).reading.energy_wh == 1_050


def test_a_faster_meter_is_judged_in_its_own_time() -> None:
    """S10: a demonstration's loads run faster, and so may its registers."""
    assert most_wh(replace(METER, load_scale=10), T0, T0 + timedelta(seconds=60)) == 10 * MINUTE_WH
    assert most_wh(METER, T0, T0) == 55


def case(first: int, *, before: int | None = 500_000, after_s: int = 60) -> HeldReading:
    """A case that begins with a register of `first`."""
    good = None if before is None else replace(LAST, energy_wh=before)
    held = reading(first, after_s=after_s)
    return HeldReading(
        id="c", meter_id="m", site_id="s", path="o/s/1", doubt=Doubt.RESET, before=good, first=held, latest=held
    )


@pytest.mark.parametrize(
    ("decision", "first", "before", "total"),
    [
        (Decision.ROLL_OVER, 100, WIDTH - 50, WIDTH + 100),
        (Decision.RESET, 100, 500_000, 500_000),
        (Decision.REPLACEMENT, 77_777, 500_000, 500_000),
        (Decision.ACCEPT, 540_000, 500_000, 540_000),
        (Decision.RESCALE, 5_000_100, 500_000, 500_010),
        (Decision.RESCALE, 50_010, 500_000, 500_100),
        (Decision.RESCALE, 50_000, 500_009, 500_009),
    ],
)
def test_each_decision_goes_on_as_it_says(decision: Decision, first: int, before: int, total: int) -> None:
    """M11: the total at the first reading after the event, exactly."""
    meter = replace(METER, last=replace(LAST, energy_wh=before))
    on = continued(meter, case(first, before=before), decision)
    assert on.total_wh == total
    later = replace(meter, offset_wh=on.offset_wh, register_exponent=on.exponent)
    assert total_wh(later, first) == total


@pytest.mark.parametrize(
    ("decision", "first", "key"),
    [
        (Decision.ROLL_OVER, 100, "refused.decision_does_not_fit"),
        (Decision.ACCEPT, 499_999, "refused.decision_does_not_fit"),
        (Decision.RESCALE, 123, "refused.decision_does_not_fit"),
    ],
)
def test_a_decision_that_the_figures_contradict_is_refused(decision: Decision, first: int, key: str) -> None:
    """M11: nobody can decide half a megawatt-hour into a bill, or the total backwards."""
    with pytest.raises(Refused, match=key):
        continued(METER, case(first), decision)


def test_a_roll_over_needs_a_width() -> None:
    """M11: the wrap is billed exactly or not at all; a width in the decision serves a meter that knows none."""
    meter = replace(METER, register_wraps_wh=None, last=replace(LAST, energy_wh=WIDTH - 50))
    held = case(100, before=WIDTH - 50)
    for width in (None, 0, -5, 10**16):
        with pytest.raises(Refused, match=r"refused\.no_register_width"):
            continued(meter, held, Decision.ROLL_OVER, wraps_wh=width)
    assert continued(meter, held, Decision.ROLL_OVER, wraps_wh=WIDTH).total_wh == WIDTH + 100


@pytest.mark.parametrize(("final", "total"), [(500_000, 500_000), (500_200, 500_200), (None, 500_000)])
def test_a_replacement_goes_on_from_the_final_register(final: int | None, total: int) -> None:
    """M11: the new device's first figure stands for the old one's last; exponents are the old device's matter."""
    meter = replace(METER, register_exponent=0)
    on = replaced(meter, final, 12)
    assert (on.total_wh, on.offset_wh, on.exponent) == (total, total - 12, 0)


def test_a_final_register_below_the_last_reading_is_refused() -> None:
    """M11: what was billed cannot be un-counted by a slip of the pen."""
    with pytest.raises(Refused, match=r"refused\.final_register"):
        replaced(METER, 499_999, 0)
    assert replaced(replace(METER, last=None), None, 12).total_wh == 12
