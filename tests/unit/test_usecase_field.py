"""Staff ask the field through rows in the store: who may, what is bound, what a crash leaves, that all of it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.domain.field_requests import PLACES, Answer, FieldKind, FieldRequest, Seen, Setting
from prepaid.ports import Business, topic_gateway
from prepaid.storage.driver import Database
from prepaid.usecases.answer_field import answer_field, take_field
from prepaid.usecases.ask_field import commission_meter, read_meter, read_settings, scan_gateway, set_meter
from prepaid.usecases.field_of_account import commission_account, read_account, scan_named
from prepaid.usecases.watch_meters import watch_meters
from tests.fakes.building import GATEWAY, Building, build
from tests.fakes.bus_owner import ALL, OWNER, owner
from tests.fakes.bus_worker import until_it
from tests.fakes.clock import ManualClock
from tests.fakes.field import LocalWakeups

SEEN = Seen(unit=1, profile="test", serial="S1", relay_on=True, switches=True, figures={"energy_wh": 5})
LIMIT = Setting(name="limit_w", value=400, unit="W", low=100, high=900, writable=True)
STATE = Setting(name="state", value=1, high=9)

Ask = Callable[[Business, Actor, str], Awaitable[object]]
ASKS: dict[str, tuple[Ask, str]] = {
    "read": (read_meter, "met-"),
    "read a room": (read_account, "acc-"),
    "watch": (watch_meters, "met-"),
    "settings": (read_settings, "met-"),
    "set": (lambda business, actor, meter_id: set_meter(business, actor, meter_id, "limit_w", 500), "met-"),
    "commission": (commission_meter, "met-"),
    "commission a room": (commission_account, "acc-"),
}
SEES = {"read", "read a room", "watch", "settings"}
MAY = {
    Role.VIEWER: SEES,
    Role.FINANCE: SEES,
    Role.OPERATOR: set(ASKS),
    Role.MANAGER: set(ASKS),
    Role.OWNER: set(ASKS),
}


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats; whoever waits is woken."""
    building = await build(database, clock)
    building.business = replace(building.business, wakeups=LocalWakeups())
    await building.flat(1)
    await building.flat(2)
    return building


async def refusal(work: Awaitable[object]) -> str:
    """The key of the trouble that it ends in; "" when it ends well."""
    try:
        await work
    except Trouble as trouble:
        return trouble.key
    return ""


async def test_who_may_ask_the_field(building: Building) -> None:
    """A1, A2, A8: by role, never a tenant; a foreign place and a missing one answer alike, unasked and on record."""
    business = building.business
    tenant = await building.flat(3)
    async with owner(business, Answer(seen=(SEEN,), settings=(LIMIT,), through=1)) as taken:
        for role, allowed in MAY.items():
            actor = await building.operator(role=role)
            for name, (ask, prefix) in ASKS.items():
                said = await refusal(ask(business, actor, f"{prefix}1"))
                assert said == ("" if name in allowed else "refused.not_found"), (role, name)
            scan = await refusal(scan_gateway(business, actor, GATEWAY, first=1, last=2, profiles=("test",)))
            assert scan == ("" if "commission" in allowed else "refused.not_found"), role
        asked = len(taken)
        elsewhere = await building.operator(role=Role.OWNER, scope="acme/maple/b1/101")
        for actor in (elsewhere, tenant):
            for ask, prefix in ASKS.values():
                for number in (2, 404):
                    assert await refusal(ask(business, actor, f"{prefix}{number}")) == "refused.not_found"
            for named in (GATEWAY, "gw-404"):
                assert await refusal(scan_named(business, actor, named, first=1, last=2)) == "refused.not_found"
                assert await refusal(watch_meters(business, actor, named)) == "refused.not_found"
        assert len(taken) == asked
    refused = [record for record in await business.store.audit.latest("gw-404", 10) if record.refused]
    assert {record.actor for record in refused} >= {elsewhere.id, tenant.id}


async def test_commissioning_binds_what_passed_and_nothing_else(building: Building) -> None:
    """S11, A3: the number that the device gave is bound once; another device is refused, and each try is on record."""
    business, staff = building.business, await building.operator()

    async def commission(**changes: object) -> str:
        seen = replace(SEEN, **changes)  # type: ignore[arg-type]
        async with owner(business, Answer(seen=(seen,), through=1)):
            return await refusal(commission_meter(business, staff, "met-1"))

    async def bound() -> tuple[str | None, bool]:
        meter = await business.store.meters.get("met-1")
        assert meter is not None
        return meter.serial, meter.has_relay

    assert await commission(failed=("voltage",)) == "refused.commission_checks"
    assert await bound() == (None, True)
    assert await commission() == ""
    assert await bound() == ("S1", True)
    assert await commission(serial="S2") == "refused.commission_other_device"
    assert await bound() == ("S1", True)
    assert await commission(serial=None, switches=False) == ""
    assert await bound() == ("S1", False)
    assert await commission() == ""
    assert await bound() == ("S1", False)  # It was set not to be switched, by whomever.

    async with owner(business, Answer(seen=(replace(SEEN, serial="S2"),), through=1)):
        assert (await read_meter(business, staff, "met-1")).failed == ("serial",)
    records = [each for each in await business.store.audit.latest("acme/maple/b1/101", 20) if each.actor == staff.id]
    told = sorted((each.refused, each.before, each.after) for each in records if each.action == "commission_meter")
    assert told == [
        ("", "", "S1"),
        ("", "S1", ""),
        ("", "S1", "S1"),
        ("refused.commission_checks", "", "S1"),
        ("refused.commission_other_device", "S1", "S2"),
    ]
    assert all(each.done for each in records)


async def test_a_meter_that_changed_meanwhile_is_not_bound(building: Building) -> None:
    """S11, F37: between the look and the binding it was given another number; the write carries its condition."""
    business, staff = building.business, await building.operator()
    meters = business.store.meters
    before = await meters.get("met-1")
    assert before is not None
    assert await meters.commission(before, "S9", has_relay=True)
    assert not await meters.commission(before, "S1", has_relay=True)
    after = await meters.get("met-1")
    assert after is not None
    assert after.serial == "S9"
    async with owner(business, Answer(seen=(SEEN,), through=1)):
        assert await refusal(commission_meter(business, staff, "met-1")) == "refused.commission_other_device"


async def test_every_wait_ends_and_every_queue_has_a_size(building: Building) -> None:
    """Y3: without an owner the asker hears so and leaves nothing; a full queue turns the next one away at once."""
    business, staff = building.business, await building.operator()
    with pytest.raises(TryAgain, match="field_unanswered"):
        await read_meter(business, staff, "met-1", within_s=0.05)
    assert await take_field(business, GATEWAY, ALL, OWNER) is None

    reads = (read_meter(business, staff, "met-1", within_s=60) for _ in range(PLACES - 1))
    waiting = [asyncio.create_task(refusal(read)) for read in reads]

    async def full() -> bool:
        return len(await business.store.field_requests.waiting(GATEWAY, FieldKind.READ, OWNER)) == PLACES - 1

    await until_it(full, within_s=30)
    with pytest.raises(TryAgain, match="field_busy"):
        await read_meter(business, staff, "met-2", within_s=60)
    async with owner(business, Answer(seen=(SEEN,), through=1)):
        scan = await scan_gateway(business, staff, GATEWAY, first=1, last=1, profiles=("test",))
        assert scan.seen == (SEEN,)
        assert await asyncio.gather(*waiting) == [""] * (PLACES - 1)

    for first, last, profiles, said in (
        (0, 3, ("test",), "refused.scan_units"),
        (1, 33, ("test",), "refused.scan_units"),
        (5, 4, ("test",), "refused.scan_units"),
        (240, 248, ("test",), "refused.scan_units"),
        (1, 3, ("p",) * 9, "refused.scan_profiles"),
    ):
        asked = scan_gateway(business, staff, GATEWAY, first=first, last=last, profiles=profiles)
        assert await refusal(asked) == said


async def test_an_owner_that_died_in_the_middle(building: Building, clock: ManualClock) -> None:
    """Y1, F1, F3: the next owner takes its request and answers; what the dead one says later changes nothing."""
    business, staff = building.business, await building.operator()
    asked = asyncio.create_task(read_meter(business, staff, "met-1", within_s=60))

    async def take(name: str) -> FieldRequest | None:
        return await take_field(business, GATEWAY, (FieldKind.READ,), name)

    async def there() -> bool:
        return bool(await business.store.field_requests.waiting(GATEWAY, FieldKind.READ, "nobody"))

    await until_it(there, within_s=30)
    taken = await take("dead")
    assert taken is not None
    assert await take("dead") is None
    again = await take("next")
    assert again is not None
    assert again.number == taken.number
    await answer_field(business, taken, "dead", Answer(trouble=Refused("refused.general")))
    assert not asked.done()
    await answer_field(business, again, "next", Answer(seen=(SEEN,), through=1))
    assert await asked == SEEN

    # An asker that died leaves its place for as long as its time, and no longer.
    rows = business.store.field_requests
    late = replace(again, id=f"{GATEWAY}:1", number="n1", taken_by="", expires_at=clock.now() + timedelta(seconds=9))
    assert await rows.put(late, clock.now())
    assert not await rows.put(replace(late, number="n2"), clock.now())
    clock.advance(seconds=9)
    assert await take("next") is None
    assert await rows.put(replace(late, number="n2"), clock.now())


async def dead_owner(business: Business, kinds: tuple[FieldKind, ...]) -> None:
    """Tells settings, and dies over whatever else it takes."""
    async with business.wakeups.waiter(topic_gateway(GATEWAY)) as waiter:
        while True:
            request = await take_field(business, GATEWAY, kinds, "dead")
            if request is None:
                await waiter.wait(1.0)
            elif request.kind is FieldKind.SETTINGS:
                await answer_field(business, request, "dead", Answer(settings=(LIMIT, STATE)))


async def test_a_setting_is_asked_for_once_and_never_handed_on(building: Building) -> None:
    """S5, Y1, F1: what a dead owner took is given to nobody, and the asker hears that it is not known."""
    business, staff = building.business, await building.operator()

    async def asked(*kinds: FieldKind, within_s: float, name: str = "limit_w", value: int = 500) -> Trouble:
        serve = asyncio.create_task(dead_owner(business, kinds))
        try:
            with pytest.raises(Trouble) as caught:
                await set_meter(business, staff, "met-1", name, value, within_s=within_s)
            return caught.value
        finally:
            serve.cancel()
            await asyncio.gather(serve, return_exceptions=True)

    taken = asyncio.create_task(asked(FieldKind.SETTINGS, FieldKind.SET, within_s=2.0))

    async def is_taken() -> bool:
        rows = business.store.field_requests
        return bool(found := await business.store.audit.latest("acme/maple/b1/101", 1)) and not (
            found[0].done or await rows.waiting(GATEWAY, FieldKind.SET, "next")
        )

    await until_it(is_taken, within_s=30)
    assert await take_field(business, GATEWAY, ALL, "next") is None
    trouble = await taken
    assert (type(trouble), trouble.key) == (Unknown, "unknown.setting")

    trouble = await asked(FieldKind.SETTINGS, within_s=0.5)
    assert (type(trouble), trouble.key) == (TryAgain, "try_again.field_unanswered")
    assert await take_field(business, GATEWAY, ALL, "late") is None

    for name, value, said in (
        ("limit", 500, "refused.no_such_setting"),
        ("state", 1, "refused.setting_read_only"),
        ("limit_w", 99, "refused.setting_range"),
        ("limit_w", 901, "refused.setting_range"),
    ):
        trouble = await asked(*ALL, within_s=30, name=name, value=value)
        assert (type(trouble), trouble.key) == (Refused, said)
    records = [r for r in await business.store.audit.latest("acme/maple/b1/101", 20) if r.action == "set_meter"]
    told = sorted((r.refused, r.before, r.after, r.done) for r in records)
    assert told[:2] == [("", "limit_w=400", "limit_w=500", False)] * 2
    assert [each[0] for each in told[2:]] == [
        "refused.no_such_setting",
        "refused.setting_range",
        "refused.setting_range",
        "refused.setting_read_only",
    ]


async def test_a_setting_that_was_written_is_on_record(building: Building) -> None:
    """A3, S4: with what it was and what the meter says now; the trouble of the bus reaches the asker as it is."""
    business, staff = building.business, await building.operator()
    async with owner(business, Answer(settings=(LIMIT,))) as taken:
        assert await set_meter(business, staff, "met-1", "limit_w", 500) == LIMIT
        assert [(each.kind, each.setting, each.value) for each in taken] == [
            (FieldKind.SETTINGS, "", 0),
            (FieldKind.SET, "limit_w", 500),
        ]
    record = (await business.store.audit.latest("acme/maple/b1/101", 1))[0]
    assert (record.action, record.before, record.after, record.done) == (
        "set_meter",
        "limit_w=400",
        "limit_w=500",
        True,
    )
