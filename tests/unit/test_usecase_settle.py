"""Readings into money: contiguous, once, and never from a doubtful reading."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from prepaid.domain.access import CLOCK
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.notices import NoticeKind
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_usage import show_usage
from tests.fakes.building import GATEWAY, PRICE_MICRO, Building, RecordingSender, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building."""
    return await build(database, clock)


async def entries(building: Building) -> list[dict[str, str | int]]:
    """The references of all consumption entries, oldest first."""
    found = await building.business.store.ledger.latest("acc-1", 100)
    return [dict(entry.ref) for entry in reversed(found) if entry.ref]


async def test_intervals_are_contiguous_and_sum_to_the_register(building: Building) -> None:
    """M11, M13: whatever the steps, what was billed is last register minus first, priced once."""
    await building.flat(1)
    for register in (1_000, 1_003, 1_003, 1_250, 1_251, 1_900):
        await building.read(1, register, advance_s=3_600)
    refs = await entries(building)
    assert [(r["from_wh"], r["to_wh"]) for r in refs] == [
        (1_000, 1_003),
        (1_003, 1_250),
        (1_250, 1_251),
        (1_251, 1_900),
    ]
    assert all(a["to_at"] == b["from_at"] for a, b in pairwise(refs))
    assert await building.balance_micro(1) == -900 * PRICE_MICRO // 1000
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_crash_between_entry_and_watermark_bills_nothing_twice(building: Building) -> None:
    """M11, Y1: a watermark that stayed behind meets the stored entry by its key and moves to its end."""
    await building.flat(1)
    await building.read(1, 1_000)
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    behind = meter.watermark
    await building.read(1, 1_500, advance_s=3_600)
    moved = await building.business.store.meters.get("met-1")
    assert moved is not None
    assert moved.watermark is not None
    assert behind is not None
    assert await building.business.store.meters.move_watermark("met-1", moved.watermark, behind)
    await building.read(1, 1_700, advance_s=3_600)
    await building.read(1, 1_800, advance_s=3_600)
    refs = await entries(building)
    assert [(r["from_wh"], r["to_wh"]) for r in refs] == [(1_000, 1_500), (1_500, 1_800)]
    assert await building.balance_micro(1) == -800 * PRICE_MICRO // 1000


@pytest.mark.parametrize("register", [999, 2_000_000])
async def test_an_implausible_reading_is_held_and_told(building: Building, register: int) -> None:
    """S10: backwards or impossibly far: not billed, no cut, and the staff hears of it once."""
    await building.flat(1, balance_micro=1_000_000)
    operator = await building.operator()
    await building.read(1, 1_000)
    await building.read(1, register)
    await building.read(1, register)
    assert await building.balance_micro(1) == 1_000_000
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    assert (meter.held, meter.fresh_run) == (2, 0)
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    told = [notice.kind for _, notice, _ in sender.sent if notice.person_id == operator.id]
    assert told == [NoticeKind.READING_HELD]


async def test_low_balance_is_told_once_for_each_crossing(building: Building) -> None:
    """N1: falling through 20 and then 5 yuan gives two notices, staying below none, a new fall a new one."""
    await building.flat(1, balance_micro=20_100_000)
    sender = RecordingSender()
    register = 1_000
    for step_wh in (0, 500, 500, 10_000, 15_000, 100):
        register += step_wh
        await building.read(1, register, advance_s=3_600)
    await building.give("acc-1", 10_000_000, "again")
    for step_wh in (1_000, 15_000):
        register += step_wh
        await building.read(1, register, advance_s=3_600)
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    levels = [notice.params["level_micro"] for _, notice, _ in sender.sent if notice.kind is NoticeKind.LOW_BALANCE]
    assert levels == [20_000_000, 5_000_000, 5_000_000]


async def test_an_interval_over_midnight_is_split_between_the_months(building: Building, clock: ManualClock) -> None:
    """M12, M13: what was used before midnight at the site counts in the old month, the rest in the new one."""
    await building.flat(1)
    clock.set(datetime(2026, 3, 31, 15, 49, tzinfo=UTC))
    await building.read(1, 1_000)
    await building.read(1, 1_100, advance_s=1_200)
    await building.read(1, 1_201, advance_s=1_200)
    refs = await entries(building)
    assert [r["period"] for r in refs] == ["2026-04", "2026-04"]
    assert [r["period_wh"] for r in refs] == [50, 151]
    assert await building.balance_micro(1) == -201 * PRICE_MICRO // 1000


async def test_the_same_sweep_twice_changes_nothing(building: Building) -> None:
    """M12: settling again yields the same entries."""
    await building.flat(1)
    await building.read(1, 1_000)
    building.clock.advance(seconds=3_600)
    reading = Reading(meter_id="met-1", at=building.clock.now(), energy_wh=1_400, relay_on=True)
    sweep = Sweep(gateway_id=GATEWAY, readings=(reading,))
    await settle_readings(building.business, sweep)
    await settle_readings(building.business, sweep)
    assert len(await entries(building)) == 1


async def test_usage_by_hour_ties_to_the_register(building: Building) -> None:
    """T1: the hours of a chart sum to what the register moved."""
    tenant = await building.flat(1)
    for step in range(30):
        await building.read(1, 1_000 + 70 * step, advance_s=600)
    usage = await show_usage(building.business, tenant, "acc-1", hours=24)
    assert usage.total_wh == 70 * 29
    assert len(usage.hours) >= 5


async def test_readings_of_unknown_meters_are_ignored(building: Building) -> None:
    """S11: a reading that belongs to no meter of this bus changes nothing."""
    await building.flat(1)
    stray = Reading(meter_id="met-9", at=building.clock.now(), energy_wh=5)
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(stray,)))
    assert await building.business.store.meters.get("met-9") is None
