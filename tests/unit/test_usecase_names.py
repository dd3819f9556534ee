"""Who somebody is to the staff: a role and its place, or a room, within one's own reach; never a number or phone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.people import Address
from prepaid.storage.driver import Database
from prepaid.usecases.name_people import As, Named, name_people
from prepaid.usecases.switch_supply import switch_supply
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.unit.test_bot_staff import Desk

PHONE = "+8613800138000"
NUMBER = re.compile(r"p_[0-9a-f]{6,}")


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with tenants."""
    building = await build(database, clock)
    for unit in (1, 2):
        await building.flat(unit, balance_micro=5_000_000)
    return building


async def _named(building: Building, actor: Actor, person: Actor) -> Named:
    return (await name_people(building.business, actor, (person.id,)))[person.id]


async def _tenant(building: Building, unit: int) -> Actor:
    return (await building.business.store.people.at("chat", f"tenant-{unit}", language="en")).actor()


async def test_people_are_known_within_the_reach_alone(building: Building) -> None:
    """A2: a role above is named without its place; roles and rooms elsewhere are nobody's business."""
    place = building.site.path
    owner = await building.operator(scope="acme", role=Role.OWNER)
    mine = await building.operator(scope=f"{place}/b1", role=Role.MANAGER)
    elsewhere = await building.operator(scope="acme/oak", role=Role.FINANCE)
    tenant = await _tenant(building, 1)
    assert await _named(building, mine, mine) == Named(
        known_as=As.YOU, mark=mine.id[-4:], role=Role.MANAGER, place=f"{building.site.name} b1"
    )
    above = await _named(building, mine, owner)
    assert (above.known_as, above.role, above.place) == (As.STAFF, Role.OWNER, "")
    assert await _named(building, owner, tenant) == Named(known_as=As.TENANT, mark=tenant.id[-4:], place="101")
    for stranger in (elsewhere, tenant):
        seen = await _named(building, await building.operator(scope="acme/elm"), stranger)
        assert seen == Named(known_as=As.SOMEBODY, mark=stranger.id[-4:])
    assert not await name_people(building.business, owner, ("clock", "p_0123456789abcdef"))


async def test_the_staff_reads_no_number_and_no_phone(building: Building) -> None:
    """A3, A7: lists of roles and the trail say who it was in words; what is pressed still acts on the right one."""
    people = building.business.store.people
    manager = await building.operator(scope="acme", role=Role.MANAGER)
    clerk = await building.operator(scope=building.site.path, role=Role.OPERATOR)
    person = await people.get(clerk.id)
    assert person is not None
    await people.save(replace(person, addresses=(*person.addresses, Address(channel="sms", user=PHONE))))
    await switch_supply(building.business, clerk, "acc-1", on=False, reason="works")
    desk, who = Desk(building), "staff-acme-manager"
    for words in ("staff", "audit 101"):
        shown = await desk.say(who, words)
        assert not NUMBER.search(shown)
        assert PHONE not in shown
        assert clerk.id[-4:] in shown
    assert "operator" in await desk.say(who, "audit 101")
    asked = await desk.say(who, f"/revoke {clerk.id}", "left the house")
    assert building.site.name in asked
    assert not NUMBER.search(asked)
    assert "Taken away" in await desk.say(who, "yes")
    gone = await people.get(clerk.id)
    assert gone is not None
    assert not gone.grants
    assert (await people.get(manager.id)) is not None
