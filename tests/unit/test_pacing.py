"""Accounts near zero are read more often, and billed at once when what was used takes the last of their credit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.pacing import LEAST_S, burn_micro_h, read_pace
from prepaid.storage.driver import Database
from prepaid.usecases.bus_plan import bus_plan
from prepaid.usecases.explain import explain
from tests.fakes.building import GATEWAY, Building, build
from tests.fakes.clock import ManualClock


@given(credit=st.integers(-(10**9), 10**10), burn=st.integers(0, 10**9), usual_s=st.integers(1, 3600))
def test_what_is_used_unseen_is_one_interval_at_this_power(credit: int, burn: int, usual_s: int) -> None:
    """S3: the pace is never slower than usual, nor faster than the least, and its overshoot is interval times power."""
    pace = read_pace(credit, burn, usual_s)
    assert min(usual_s, LEAST_S) <= pace.every_s <= usual_s
    assert pace.overshoot_micro * 3600 >= burn * pace.every_s > (pace.overshoot_micro - 1) * 3600
    if pace.near_zero and pace.every_s > LEAST_S:
        assert 3 * pace.overshoot_micro <= credit + 3


def test_three_kilowatts_on_ten_fen() -> None:
    """S3: at 3 kW and 0.60 yuan a flat with 0.10 yuan left is read every 66 s, which is at most 0.033 yuan of use."""
    pace = read_pace(100_000, burn_micro_h(3_000, 600_000), 300)
    assert (pace.every_s, pace.overshoot_micro) == (66, 33_000)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building that bills every quarter of an hour."""
    return await build(database, clock, settle_every_s=900)


async def test_a_flat_near_zero_is_read_often_and_explains_it(building: Building) -> None:
    """S3, T2: the plan of the bus names the flat and its interval; a flat with credit is read as usual."""
    tenant = await building.flat(1, balance_micro=10_000)
    await building.flat(2, balance_micro=50_000_000)
    for unit in (1, 2):
        await building.read(unit, 1_000)
    plan = await bus_plan(building.business, GATEWAY)
    assert plan.near_zero == {"met-1": 40}
    await building.read(1, 1_001, advance_s=901)
    head = await building.business.store.ledger.head("acc-1")
    told = await explain(building.business, tenant, "acc-1", head.seq)
    assert told.pace is not None
    assert told.pace.near_zero
    assert told.pace.overshoot_micro <= 300_000 * 40 // 3600 + 1


async def test_what_uses_up_the_credit_is_billed_at_once(building: Building) -> None:
    """S3, M11: a quarter of an hour is not waited for when the credit is gone before; otherwise it is."""
    await building.flat(1, balance_micro=100_000)
    await building.read(1, 1_000)
    await building.read(1, 1_100)
    assert await building.balance_micro(1) == 100_000
    await building.read(1, 1_200)
    assert await building.balance_micro(1) == 100_000 - 120_000
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    assert meter.watermark is not None
    assert meter.watermark.energy_wh == 1_200
