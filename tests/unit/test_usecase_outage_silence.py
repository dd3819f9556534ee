"""Planned outages: no silence that was held back is forgotten, and none is told for what it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway, Meter, Sweep
from prepaid.domain.notices import NoticeKind
from prepaid.domain.outages import AFTERWARDS
from prepaid.domain.tariffs import Utility
from prepaid.storage.driver import Database
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.gateway_link import gateway_lost
from prepaid.usecases.plan_outage import call_off_outage, plan_outage, tell_outages
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, SITE, Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.unit.test_usecase_outages import told_by_kind, wish_for


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats."""
    place = await build(database, clock)
    for unit in (1, 2):
        await place.flat(unit, balance_micro=5_000_000)
    return place


async def _meter(building: Building, unit: int, path: str, utility: Utility, gateway_id: str = GATEWAY) -> None:
    meter = Meter(
        id=f"met-{unit}",
        site_id=SITE,
        path=path,
        gateway_id=gateway_id,
        unit=unit,
        profile="test",
        account_id=None,
        utility=utility,
    )
    await building.business.store.meters.add(meter)


async def test_works_called_off_early_do_not_bury_what_fell_silent_in_them(building: Building) -> None:
    """A5: whoever says that it is over before its time hears a quarter of an hour later what did not come back."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    building.clock.set(outage.since + timedelta(minutes=1))
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1",)))
    assert NoticeKind.METER_DOWN not in await told_by_kind(building)
    building.clock.advance(seconds=600)
    await call_off_outage(building.business, staff, outage.id)
    await tell_outages(building.business)
    assert NoticeKind.METER_DOWN not in await told_by_kind(building)
    building.clock.advance(seconds=AFTERWARDS.total_seconds())
    for _ in range(2):
        await tell_outages(building.business)
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]


async def test_a_gateway_of_water_meters_is_not_forgotten_when_the_power_is_away(building: Building) -> None:
    """A5: a bus needs electricity whatever it reads; what was held back for it is told afterwards."""
    staff = await building.operator()
    gateway = Gateway(id="gw-2", site_id=SITE, transport="tcp", host="127.0.0.1", port=2)
    await building.business.store.sites.save_gateway(gateway)
    for unit in (11, 12):
        await _meter(building, unit, f"acme/maple/b1/1{unit}", Utility.WATER, "gw-2")
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    building.clock.set(outage.since + timedelta(minutes=1))
    await gateway_lost(building.business, "gw-2")
    assert NoticeKind.GATEWAY_DOWN not in await told_by_kind(building)
    building.clock.set(outage.until + AFTERWARDS)
    await tell_outages(building.business)
    assert (await told_by_kind(building))[NoticeKind.GATEWAY_DOWN] == [staff.id]


async def test_works_on_the_water_explain_no_silent_gateway(building: Building) -> None:
    """A5: without water a bus answers all the same, so its silence is told at once."""
    staff = await building.operator()
    wish = wish_for(building, utilities=(Utility.WATER,))
    outage = await plan_outage(building.business, staff, wish, key="k1")
    building.clock.set(outage.since + timedelta(minutes=1))
    await gateway_lost(building.business, GATEWAY)
    assert (await told_by_kind(building))[NoticeKind.GATEWAY_DOWN] == [staff.id]


async def test_a_gateway_that_answers_elsewhere_is_not_called_down(building: Building) -> None:
    """A5: when the meters of one house stay silent and those of the next answer, single meters are told."""
    staff = await building.operator()
    await _meter(building, 7, "acme/maple/b2/101", Utility.ELECTRICITY)
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    building.clock.set(outage.since + timedelta(minutes=1))
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1", "met-2")))
    building.clock.set(outage.until + AFTERWARDS)
    await tell_outages(building.business)
    told = await told_by_kind(building)
    assert NoticeKind.GATEWAY_DOWN not in told
    assert told[NoticeKind.METER_DOWN] == [staff.id] * 2


async def test_silence_from_before_is_not_told_again(building: Building) -> None:
    """N1: a meter whose silence was told before the works began is no news after them."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1",)))
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]
    building.clock.set(outage.until + AFTERWARDS)
    await tell_outages(building.business)
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]


async def test_works_that_overlap_tell_of_one_silence_once(building: Building) -> None:
    """N1: a silence that both held back is told after the first of them, and not again after the second."""
    staff = await building.operator()
    for key, lasts in (("k1", 3), ("k2", 4)):
        await plan_outage(building.business, staff, wish_for(building, lasts=lasts), key=key)
    building.clock.advance(seconds=25 * 3600)
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1",)))
    building.clock.advance(seconds=5 * 3600)
    assert await tell_outages(building.business) == 2
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]


async def test_works_called_off_before_they_began_have_no_aftermath(building: Building) -> None:
    """N1: nothing was held back, so nothing is told but that they will not be."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    await call_off_outage(building.business, staff, outage.id)
    building.clock.set(outage.since + timedelta(minutes=1))
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1",)))
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]
    building.clock.set(outage.until + AFTERWARDS)
    assert await tell_outages(building.business) == 0
    assert (await told_by_kind(building))[NoticeKind.METER_DOWN] == [staff.id]


async def test_who_has_no_credit_is_not_cut_because_the_mains_are_away(building: Building) -> None:
    """S3, S9: a flat whose cut is due is spared while its meter is silent in the works, and is cut when it is heard."""
    staff = await building.operator()
    await building.flat(3, balance_micro=120_000)
    await building.read(3, 1_000)
    await building.read(3, 1_300)
    await deliver_notices(building.business, {"chat": RecordingSender()})
    outage = await plan_outage(building.business, staff, wish_for(building, begins=0, lasts=2), key="k1")
    await gateway_lost(building.business, GATEWAY)
    for _ in range(3):
        building.clock.advance(seconds=1800)
        (verdict,) = await decide_supply(building.business, "acc-3")
        assert (verdict.rule, (await building.supply(3)).wanted.on) == ("rule.doubt_gateway", True)
    building.clock.set(outage.until)
    await building.read(3, 1_310)
    await building.read(3, 1_320)
    assert not (await building.supply(3)).wanted.on


async def test_a_key_that_was_used_for_something_else_is_refused(building: Building) -> None:
    """M15: the same key and the same wish is the same outage; with other hours it is a mistake, and is said to be."""
    staff = await building.operator()
    wish = wish_for(building)
    outage = await plan_outage(building.business, staff, wish, key="k1")
    assert (await plan_outage(building.business, staff, wish, key="k1")).id == outage.id
    for other in (replace(wish, until=wish.until + timedelta(hours=1)), replace(wish, reason="other works")):
        with pytest.raises(Refused, match="idempotency_conflict"):
            await plan_outage(building.business, staff, other, key="k1")
