"""Steps of an account with several meters, through the use cases and the real store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prepaid.domain.access import CLOCK, Role
from prepaid.domain.accounts import Account
from prepaid.domain.metering import Meter, Reading, Sweep, Watermark
from prepaid.domain.tariffs import TariffPlan, counted_from_text, stepped
from prepaid.storage.driver import Database
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.replace_meter import NewDevice, replace_meter
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_balance import show_balance
from tests.fakes.building import GATEWAY, SITE, Building, build
from tests.fakes.clock import ManualClock

CHEAP, DEAR = 500_000, 900_000
ABOVE_WH = 1_000


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One account with two meters, and a price that rises above 1 kWh a month."""
    building = await build(database, clock)
    plan = TariffPlan(versions=(stepped("t", {0: CHEAP, ABOVE_WH: DEAR}),))
    await building.business.store.sites.save_site(replace(building.site, tariff=plan))
    await building.flat(1)
    await building.flat(2)
    second = await meter_of(building, 2)
    await building.business.store.meters.add(replace(second, account_id="acc-1"))
    return building


async def meter_of(building: Building, unit: int) -> Meter:
    """The meter as it is stored."""
    meter = await building.business.store.meters.get(f"met-{unit}")
    assert meter is not None
    return meter


async def sweep(building: Building, *registers: int) -> None:
    """An hour later every meter answers at once."""
    building.clock.advance(seconds=3_600)
    at = building.clock.now()
    readings = tuple(
        Reading(meter_id=f"met-{unit}", at=at, energy_wh=register, relay_on=True)
        for unit, register in enumerate(registers, start=1)
    )
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=readings))


def cost_micro(wh: int) -> int:
    """What a month of the account costs."""
    return (min(wh, ABOVE_WH) * CHEAP + max(0, wh - ABOVE_WH) * DEAR) // 1000


async def test_two_meters_of_one_account_share_its_steps(building: Building) -> None:
    """M11, M12, M13: two meters settled in one sweep climb one staircase, and the price shown is that of its step."""
    await sweep(building, 5_000, 9_000)
    await sweep(building, 5_400, 9_700)
    assert await building.balance_micro(1) == -cost_micro(1_100)
    await sweep(building, 5_500, 9_700)
    assert await building.balance_micro(1) == -cost_micro(1_200)
    assert (await show_balance(building.business, CLOCK, "acc-1")).price_micro_per_kwh == DEAR
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_two_processes_that_settle_at_once_share_them_too(database: Database, building: Building) -> None:
    """M2, M12: a process with an old view of the chain prices again where its entry finds its place."""
    other = await build(database, building.clock)
    site = replace(building.site, tariff=TariffPlan(versions=(stepped("t", {0: CHEAP, ABOVE_WH: DEAR}),)))
    await building.business.store.sites.save_site(site)
    await sweep(building, 5_000, 9_000)
    await sweep(building, 5_600, 9_000)
    building.clock.advance(seconds=3_600)
    at = building.clock.now()
    for business, meter_id, register in ((other.business, "met-2", 9_700), (building.business, "met-1", 5_700)):
        reading = Reading(meter_id=meter_id, at=at, energy_wh=register, relay_on=True)
        await settle_readings(business, Sweep(gateway_id=GATEWAY, readings=(reading,)))
    assert await building.balance_micro(1) == -cost_micro(1_400)
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_replaced_meter_carries_the_steps_and_a_new_tenant_does_not(building: Building) -> None:
    """M11: the account's staircase goes on with another device; the next account at the place starts at its foot."""
    boss = await building.operator(role=Role.MANAGER)
    await sweep(building, 5_000, 9_000)
    await sweep(building, 6_000, 9_000)
    await replace_meter(building.business, boss, "met-1", NewDevice(serial="n", first_wh=0), "burnt", final_wh=6_000)
    await sweep(building, 100, 9_000)
    assert await building.balance_micro(1) == -cost_micro(1_100)
    store = building.business.store
    await store.supplies.assign("met-1", None)
    assert await store.meters.assign("met-1", "acc-1", None, None)
    await store.sites.add_account(Account(id="next", site_id=SITE, path="acme/maple/b1/101", label="101"))
    await assign_meter(building.business, boss, "met-1", "next")
    await sweep(building, 150, 9_000)
    await sweep(building, 550, 9_100)
    assert (await store.ledger.head("next")).balance_micro == -cost_micro(400)
    assert await building.balance_micro(1) == -cost_micro(1_200)


async def test_counters_from_before_are_taken_over_once(building: Building) -> None:
    """M12: meters that counted for themselves bring what they counted into the account's staircase, each once."""
    await sweep(building, 5_000, 9_000)
    month = building.site.calendar.month(building.clock.now())
    for unit, used in ((1, 300), (2, 600)):
        meter = await meter_of(building, unit)
        assert meter.watermark is not None
        charged = cost_micro(used)
        old = Watermark(
            at=meter.watermark.at,
            energy_wh=meter.watermark.energy_wh,
            period=month,
            period_wh=used,
            charged_micro=charged,
            exact_nano=charged * 1000,
        )
        assert await building.business.store.meters.move_watermark(meter.id, meter.watermark, old)
    await sweep(building, 5_050, 9_100)
    await sweep(building, 5_050, 9_200)
    head = await building.business.store.ledger.head("acc-1")
    assert counted_from_text(head.counted)["electricity"].month_wh == 300 + 600 + 50 + 200
    assert head.balance_micro == -(cost_micro(1_150) - cost_micro(900))
