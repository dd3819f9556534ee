"""What a relay did that nobody ordered, who must say that appliances are off, and who hears of silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery import sentence
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.supply import Outcome, Reported, Supply, Wanted
from prepaid.domain.tariffs import Utility
from prepaid.storage.driver import Database
from prepaid.usecases.bus_plan import bus_plan
from prepaid.usecases.confirm_safe import confirm_safe
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.may_switch import may_switch
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.report_alarms import report_alarms
from prepaid.usecases.report_relay import recuts_held, relay_bypassed, relay_moved
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, Building, RecordingSender, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building with somebody on duty."""
    place = await build(database, clock)
    await place.operator()
    return place


async def ordered(building: Building, unit: int, *, on: bool, was: bool) -> Supply:
    """A supply whose relay was seen in one state and is wanted in a state, under the next generation."""
    supplies, supply = building.business.store.supplies, await building.supply(unit)
    await supplies.saw(supply.meter_id, Reported(on=was, at=building.clock.now()))
    wanted = Wanted(on=on, generation=supply.wanted.generation + 1, at=building.clock.now())
    assert await supplies.want(supply.meter_id, supply.wanted.generation, wanted)
    return await building.supply(unit)


async def rows(building: Building) -> list[Notice]:
    """What the outbox carries now."""
    sender = RecordingSender()
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    return [notice for _, notice, _ in sender.sent]


async def told(building: Building) -> list[NoticeKind]:
    """Of which kinds."""
    return [notice.kind for notice in await rows(building)]


async def test_a_moved_contact_is_on_record_and_told_once(building: Building) -> None:
    """S13, A3: the staff hears of it once, and a result of an older generation tells nothing."""
    await building.flat(1, balance_micro=1_000_000)
    supply = await ordered(building, 1, on=True, was=True)
    seen = Reported(on=False, at=building.clock.now() + timedelta(seconds=1))
    for generation in (supply.wanted.generation, supply.wanted.generation, supply.wanted.generation - 1):
        await relay_moved(building.business, "met-1", generation, seen)
    assert await told(building) == [NoticeKind.RELAY_MOVED]
    reported = (await building.supply(1)).reported
    assert reported is not None
    assert not reported.on


async def test_a_load_behind_an_open_contact_takes_the_confirmation_back(building: Building) -> None:
    """S4: the cut is unconfirmed, with an alert; many that come on by themselves are one alert an hour."""
    await building.flat(1)
    supply = await ordered(building, 1, on=False, was=False)
    await relay_bypassed(building.business, "met-1", supply.wanted.generation)
    await relay_bypassed(building.business, "met-1", supply.wanted.generation)
    await recuts_held(building.business, "met-1", supply.wanted.generation)
    await recuts_held(building.business, "met-1", supply.wanted.generation)
    assert (await building.supply(1)).outcome is Outcome.UNCONFIRMED
    assert await told(building) == [NoticeKind.RELAY_BYPASSED, NoticeKind.RECUTS_HELD]


async def test_the_staff_read_which_101_is_meant(building: Building) -> None:
    """A2, N4: site, room, meter and gateway stand in the message of somebody who looks after several sites."""
    await building.flat(1)
    supply = await ordered(building, 1, on=False, was=False)
    await relay_bypassed(building.business, "met-1", supply.wanted.generation)
    for _ in range(3):
        await record_switch(building.business, "met-1", supply.wanted.generation, None)
    for row in await rows(building):
        assert row.params["label"] == f"{building.site.name} 101"
        assert row.params["meter_id"] == "met-1"


async def test_a_valve_is_told_as_water(building: Building) -> None:
    """N2: what was closed and opened again is water."""
    await building.flat(1, balance_micro=1_000_000)
    store = building.business.store
    account = await store.sites.account("acc-1")
    assert account is not None
    await store.sites.save_account(replace(account, utility=Utility.WATER))
    for on in (False, True):
        supply = await ordered(building, 1, on=on, was=not on)
        now = Reported(on=on, at=building.clock.now())
        await record_switch(building.business, "met-1", supply.wanted.generation, now)
    found = await rows(building)
    assert [(row.kind, row.params["utility"]) for row in found] == [
        (NoticeKind.CUT_DONE, "water"),
        (NoticeKind.RESTORED, "water"),
    ]


async def test_power_comes_back_when_the_tenant_says_that_appliances_are_off(building: Building) -> None:
    """S1: where the site wants it the tenant is asked once, and each word holds for one restore."""
    policy = replace(building.site.policy, ask_before_restore=True)
    await building.business.store.sites.save_site(replace(building.site, policy=policy))
    tenant = await building.flat(1, balance_micro=1_000_000)
    stranger = await building.flat(2)
    with pytest.raises(Refused, match="nothing_to_confirm"):
        await confirm_safe(building.business, tenant, "acc-1")
    supply = await ordered(building, 1, on=True, was=False)
    for _ in range(2):
        with pytest.raises(TryAgain, match="safety_unconfirmed"):
            await may_switch(building.business, "met-1", supply.wanted.generation, on=True)
    assert await told(building) == [NoticeKind.CONFIRM_SAFE]
    with pytest.raises(Refused, match="not_found"):
        await confirm_safe(building.business, stranger, "acc-1")
    assert len(await confirm_safe(building.business, tenant, "acc-1")) == 1
    assert await may_switch(building.business, "met-1", supply.wanted.generation, on=True)
    again = await ordered(building, 1, on=True, was=False)
    with pytest.raises(TryAgain, match="safety_unconfirmed"):
        await may_switch(building.business, "met-1", again.wanted.generation, on=True)


async def test_a_supply_that_waits_for_its_button_says_so(building: Building) -> None:
    """S4: allowed to close is not on; the tenant hears what to do, and that power is back when it is."""
    await building.flat(1, balance_micro=1_000_000)
    supply = await ordered(building, 1, on=True, was=False)
    now = building.clock.now()
    await record_switch(building.business, "met-1", supply.wanted.generation, Reported(on=False, at=now, waits=True))
    assert (await building.supply(1)).outcome is Outcome.WAITING
    assert await told(building) == [NoticeKind.PRESS_BUTTON]
    await record_switch(building.business, "met-1", supply.wanted.generation, Reported(on=True, at=now))
    assert (await building.supply(1)).outcome is Outcome.CONFIRMED
    assert await told(building) == [NoticeKind.RESTORED]


async def test_the_plan_knows_how_many_wait_for_power(building: Building) -> None:
    """S8: what a bus needs to spread restores is counted for the whole site, and only where some wait."""
    for unit in (1, 2, 3):
        await building.flat(unit, balance_micro=1_000_000)
    assert (await bus_plan(building.business, GATEWAY)).restores_open == 0
    for unit in (1, 2):
        await ordered(building, unit, on=True, was=False)
    plan = await bus_plan(building.business, GATEWAY)
    assert (plan.restores_open, plan.policy.restores_at_once) == (2, 5)


async def test_a_meter_that_falls_silent_is_told_once_a_day(building: Building) -> None:
    """S3: its supply is spared while it is silent, and somebody goes and looks."""
    await building.flat(1, balance_micro=1_000_000)
    await building.read(1, 1_000)
    for _ in range(3):
        building.clock.advance(seconds=60)
        await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1",)))
        await building.read(1, 1_000)
    assert await told(building) == [NoticeKind.METER_DOWN]


async def test_what_a_meter_complains_of_is_told_once_for_each_crossing(building: Building) -> None:
    """N1: a new alarm is told, one that stays is not told again, one that comes and goes is told once a day."""
    await building.flat(1, balance_micro=1_000_000)

    async def read(*alarms: str, hours: int = 1, dies: bool = False) -> None:
        building.clock.advance(hours=hours)
        reading = Reading(meter_id="met-1", at=building.clock.now(), energy_wh=1_000, alarms=alarms)
        if dies:
            store, sites = building.business.store, {building.site.id: building.site}
            accounts = {each.id: each for each in await store.sites.accounts(["acc-1"])}
            meters = {each.id: each for each in await store.meters.on_gateway(GATEWAY)}
            await report_alarms(building.business, meters, sites, accounts, [reading])
        else:
            await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))

    async def new() -> int:
        return (await told(building)).count(NoticeKind.METER_ALARM)

    await read()
    await read("tamper")
    assert await new() == 1
    await read("tamper")
    await read()
    await read("tamper")
    assert await new() == 0
    await read("tamper", "over_limit")
    assert await new() == 1
    await read(hours=24)
    await read("tamper", hours=23)
    assert await new() == 1
    await read(hours=24)
    await read("reverse_flow", dies=True)
    assert await new() == 1
    await read("reverse_flow", hours=24)
    assert await new() == 0


@pytest.mark.parametrize(("alarm", "bound"), [("over_limit", True), ("over_limit", False), ("tamper", True)])
async def test_of_too_much_load_the_tenant_is_told_too(building: Building, alarm: str, *, bound: bool) -> None:
    """M7, N1: who can switch something off hears of it once; the staff reads whether somebody was asked."""
    await building.flat(1, balance_micro=1_000_000, tenant=bound)
    for _ in range(2):
        building.clock.advance(hours=1)
        reading = Reading(meter_id="met-1", at=building.clock.now(), energy_wh=1_000, alarms=(alarm,))
        await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))
    told = [(notice.kind, sentence(notice, "en")) for notice in await rows(building)]
    asked = bound and alarm == "over_limit"
    assert [kind for kind, _ in told] == [*([NoticeKind.TOO_MUCH_LOAD] if asked else []), NoticeKind.METER_ALARM]
    assert ("Whoever lives there has been asked" in told[-1][1]) is asked
    assert ("switch off large appliances" in told[0][1]) is asked
