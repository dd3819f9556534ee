"""Billing by a meter's own registers by band, on the real store: digits, roll-over, replacement, contradictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.metering import Doubt, Meter, Reading, Sweep
from prepaid.domain.registers import Decision
from prepaid.domain.tariffs import Band, DayRule, Schedule, TariffPlan, hours, time_of_use
from prepaid.domain.tariffs.own_registers import agree, grown_by_band
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.decide_held_reading import decide_held_reading
from prepaid.usecases.explain import explain
from prepaid.usecases.replace_meter import NewDevice, replace_meter
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, Building, build
from tests.fakes.clock import ManualClock

PRICES = {
    Band.SHARP: 1_200_000,
    Band.PEAK: 900_000,
    Band.FLAT: 600_000,
    Band.VALLEY: 300_000,
    Band.DEEP_VALLEY: 100_000,
}
WRAPS_WH = 1_000_000


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat whose price list calls the whole day flat: only the meter can know of other bands."""
    building = await build(database, clock)
    day = DayRule(spans=hours(Band.FLAT, "00:00-24:00"))
    never = [DayRule(spans=hours(band, "00:00-24:00"), weekdays=()) for band in Band]
    plan = time_of_use("t", Schedule(rules=(*never, day)), PRICES)
    await building.business.store.sites.save_site(replace(building.site, tariff=TariffPlan(versions=(plan,))))
    await building.flat(1)
    meter = await meter_of(building)
    await building.business.store.meters.add(replace(meter, register_wraps_wh=WRAPS_WH))
    return building


async def meter_of(building: Building) -> Meter:
    """The meter as it is stored."""
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    return meter


async def read(building: Building, total_wh: int, bands: Mapping[Band, int] | None) -> None:
    """The meter tells its total and its registers, an hour later."""
    building.clock.advance(seconds=3_600)
    registers = None if bands is None else {str(band): wh for band, wh in bands.items()}
    reading = Reading(
        meter_id="met-1", at=building.clock.now(), energy_wh=total_wh, relay_on=True, serial=None, bands=registers
    )
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))


async def billed(building: Building) -> list[dict[str, int]]:
    """Energy by band of each entry, oldest first."""
    head = await building.business.store.ledger.head("acc-1")
    found = [await explain(building.business, CLOCK, "acc-1", seq) for seq in range(1, head.seq + 1)]
    return [{line.band: line.to_wh - line.from_wh for line in each.lines} for each in found]


async def manager(building: Building) -> Actor:
    """Who may decide and replace."""
    return await building.operator(role=Role.MANAGER)


FIVE = dict.fromkeys(Band, 1_000)


async def test_all_five_bands_are_billed_by_the_meters_own_registers(building: Building) -> None:
    """M11, M12, M13: whatever the clock on the wall says; the entry keeps the registers that the next one begins at."""
    await read(building, 5_000, FIVE)
    used = {Band.SHARP: 100, Band.PEAK: 200, Band.FLAT: 300, Band.VALLEY: 400, Band.DEEP_VALLEY: 500}
    await read(building, 6_500, {band: 1_000 + wh for band, wh in used.items()})
    assert await billed(building) == [{str(band): wh for band, wh in used.items()}]
    assert await building.balance_micro(1) == -sum(wh * PRICES[band] for band, wh in used.items()) // 1000
    entry = await building.business.store.ledger.entry("acc-1", 1)
    assert entry is not None
    assert json.loads(str(entry.ref["bands"]))["deep_valley"] == 1_500
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_register_that_rolls_over_goes_on(building: Building) -> None:
    """M11: its width is known and the sum fits, so the wrap is billed in its band."""
    await read(building, 5_000, {Band.PEAK: WRAPS_WH - 100, Band.VALLEY: 700})
    await read(building, 5_400, {Band.PEAK: 150, Band.VALLEY: 850})
    assert await billed(building) == [{"peak": 250, "valley": 150}]


async def test_another_device_is_billed_by_the_clock_once_and_then_by_its_registers(building: Building) -> None:
    """M11, S10: what two devices' registers have in common is nothing; the total goes on, and so do the bands."""
    await read(building, 5_000, {Band.PEAK: 4_000, Band.VALLEY: 1_000})
    boss = await manager(building)
    building.clock.advance(seconds=600)
    await replace_meter(building.business, boss, "met-1", NewDevice(serial=None, first_wh=0), "burnt", final_wh=5_200)
    await read(building, 100, {Band.PEAK: 60, Band.VALLEY: 40})
    await read(building, 300, {Band.PEAK: 210, Band.VALLEY: 90})
    assert await billed(building) == [{"flat": 300}, {"peak": 150, "valley": 50}]


async def test_registers_that_contradict_the_total_are_held(building: Building) -> None:
    """S10: neither billed nor a reason to cut; billing goes on where they were good, once they fit again."""
    await read(building, 5_020, {Band.PEAK: 4_010, Band.VALLEY: 1_010})
    await read(building, 5_320, {Band.PEAK: 4_110, Band.VALLEY: 1_010})
    await read(building, 5_320, {Band.PEAK: 4_110, Band.VALLEY: 1_010})
    meter = await meter_of(building)
    assert (meter.doubt, meter.held) == (Doubt.BANDS, 2)
    assert await building.balance_micro(1) == 0
    await read(building, 5_420, {Band.PEAK: 4_310, Band.VALLEY: 1_110})
    assert (await meter_of(building)).held == 0
    assert await billed(building) == [{"peak": 300, "valley": 100}]


async def test_an_admin_says_that_the_total_is_right(building: Building) -> None:
    """S10: then the clock tells the bands up to there, and the registers from there on."""
    await read(building, 5_000, {Band.PEAK: 4_000, Band.VALLEY: 1_000})
    await read(building, 5_300, {Band.PEAK: 0, Band.VALLEY: 0})
    await decide_held_reading(building.business, await manager(building), "met-1", Decision.ACCEPT, "bands were reset")
    await read(building, 5_400, {Band.PEAK: 50, Band.VALLEY: 50})
    await read(building, 5_600, {Band.PEAK: 50, Band.VALLEY: 250})
    assert await billed(building) == [{"flat": 400}, {"valley": 200}]


async def test_readings_without_registers_are_billed_by_the_clock(building: Building) -> None:
    """M12: a poll that brought no registers by band is no contradiction."""
    await read(building, 5_000, {Band.PEAK: 4_000, Band.VALLEY: 1_000})
    await read(building, 5_100, None)
    await read(building, 5_200, {Band.PEAK: 4_150, Band.VALLEY: 1_050})
    assert await billed(building) == [{"flat": 100}, {"flat": 100}]


def test_registers_that_stand_at_zero_contradict_a_total_that_grows() -> None:
    """S10: registers that never counted are held before an admin, and not billed in whatever band comes first."""
    zeros: dict[str, int] = {Band.PEAK: 0, Band.VALLEY: 0}
    assert agree(zeros, zeros, 30)
    assert not agree(zeros, zeros, 31)


@given(
    st.dictionaries(st.sampled_from(sorted(Band)), st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1),
    st.sampled_from([1, 10, 100, 1_000]),
)
def test_registers_shown_in_coarse_digits_still_agree(used: dict[str, tuple[int, int]], digit: int) -> None:
    """M13, S10: a display rounds each register down; that is no contradiction, and what is billed is the total."""
    before = {band: since // digit * digit for band, (since, _) in used.items()}
    after = {band: (since + wh) // digit * digit for band, (since, wh) in used.items()}
    total = [sum(since for since, _ in used.values()), sum(since + wh for since, wh in used.values())]
    grown = total[1] // digit * digit - total[0] // digit * digit
    assume(any(after.values()) or grown == 0)
    assert agree(before, after, grown)
    assert sum(grown_by_band(before, after, grown).values()) == grown
    assert not agree(before, after, grown + 100_000 * 7)
