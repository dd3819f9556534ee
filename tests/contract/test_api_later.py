"""A device that takes its time: 202 with the place to look at, and there the same answer that would have been given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from miniprogram_api.later import Later
from prepaid.domain.access import Grant, Role
from prepaid.domain.errors import InvariantBroken, TryAgain, Unknown
from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest
from prepaid.storage.driver import Database
from prepaid.usecases.asked_work import WORK
from tests.fakes.api_house import Answer as Reply
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.bus_owner import DEVICE, owner
from tests.fakes.clock import ManualClock

MOST = 3
READ = "/admin/accounts/acc-1/readings"
SET = "/admin/meters/met-1/settings/limit_w"


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """One flat, and nobody who owns its bus yet; whoever asks a device waits for nothing at all."""
    async with api_house(database, clock, later=Later(soon_s=0.0, most=MOST)) as house:
        await house.building.flat(1)
        yield house


@pytest.fixture
async def token(house: ApiHouse) -> str:
    """A manager's."""
    return (await house.tokens(await house.building.operator(role=Role.MANAGER))).access


async def look(house: ApiHouse, token: str, url: str, wait_s: int = 0) -> Reply:
    """What stands at the place."""
    return await house.call("GET", f"{url.removeprefix('/api/v1')}?wait_s={wait_s}", token=token)


async def test_what_takes_longer_is_found_where_the_answer_said(house: ApiHouse, token: str) -> None:
    """S4, M15: 202 names the place, one key asks the device once, whoever waits there is told at once what it said."""
    key = {"Idempotency-Key": "read-00001"}
    first, again = [await house.call("POST", READ, token=token, headers=key) for _ in range(2)]
    for answer in (first, again):
        assert (answer.status, answer.body["state"], answer.body["result"]) == (202, "waiting", None)
        assert answer.headers["Location"] == answer.body["url"] == first.body["url"]
    where = first.headers["Location"]
    assert (await look(house, token, where)).body == first.body
    waits = asyncio.create_task(look(house, token, where, 25))
    async with owner(house.parts.business, DEVICE) as taken:
        told = (await waits).body
        assert (told["state"], told["result"]["meters"][0]["figures"], told["problem"]) == (
            "done",
            {"energy_wh": 5},
            None,
        )
        assert len(taken) == 1
    settings = await house.call("GET", "/admin/meters/met-1/settings", token=token)
    scan = await house.call("POST", "/admin/gateways/gw-1/scan", token=token, body={"first": 1, "last": 2})
    async with owner(house.parts.business, DEVICE):
        found = [(await look(house, token, each.headers["Location"], 25)).body["result"] for each in (settings, scan)]
    assert (found[0]["settings"][0]["name"], found[1]["through"]) == ("limit_w", 2)


async def test_a_quick_device_is_answered_with_its_own_words(database: Database, clock: ManualClock) -> None:
    """S4: with an owner that answers there is no second request to make."""
    async with api_house(database, clock, later=Later(soon_s=30.0)) as house:
        await house.building.flat(1)
        token = (await house.tokens(await house.building.operator(role=Role.VIEWER))).access
        async with owner(house.parts.business, DEVICE):
            answer = await house.call("POST", READ, token=token)
        assert (answer.status, answer.body["meters"][0]["figures"]) == (200, {"energy_wh": 5})
        assert "Location" not in answer.headers


async def test_what_went_wrong_meanwhile_is_told_as_it_would_have_been(house: ApiHouse, token: str) -> None:
    """M9, S5: a write that may have left stays unknown, a refusal a refusal, in the language of who looks."""

    def lost(request: FieldRequest) -> Answer:
        is_set = request.kind is FieldKind.SET
        return Answer(trouble=Unknown("unknown.setting", name=request.setting)) if is_set else DEVICE

    for value, status, kept in ((500, 504, "unknown.setting"), (5, 422, "refused.setting_range")):
        asked = await house.call("PUT", SET, token=token, body={"value": value})
        assert asked.status == 202
        async with owner(house.parts.business, lost):
            found = await look(house, token, asked.headers["Location"], 25)
        problem = found.body["problem"]
        assert (found.status, found.body["state"], problem["status"], problem["key"]) == (200, "failed", status, kept)
        assert "limit" in problem["detail"]
        assert problem["instance"].endswith(found.body["request_id"])


async def test_nobody_else_finds_it_and_lost_roles_lose_it(house: ApiHouse, token: str) -> None:
    """A1, A2: another's place looks like one that is not there, and so does one's own once the roles are others."""
    boss = await house.building.operator(role=Role.OWNER)
    mine = (await house.tokens(boss)).access
    where = (await house.call("POST", READ, token=mine)).headers["Location"]
    assert (await look(house, mine, where)).status == 200
    foreign, missing = await look(house, token, where), await look(house, token, f"{where[:-1]}x")
    assert (foreign.status, {**foreign.body, "instance": ""}) == (404, {**missing.body, "instance": ""})
    people = house.parts.business.store.people
    person = await people.get(boss.id)
    assert person is not None
    await people.save(replace(person, grants=(Grant(Role.OWNER, "umbra"),)))
    assert (await look(house, mine, where)).status == 404


async def test_the_end_of_the_program_and_its_death_are_told(house: ApiHouse, token: str) -> None:
    """F1, F2: at the end whoever waits is told that nobody can say; a row that a crash left says it later."""
    where = (await house.call("POST", READ, token=token)).headers["Location"]
    waits = asyncio.create_task(look(house, token, where, 25))
    await house.parts.later.close()
    found = (await waits).body
    assert (found["state"], found["problem"]["key"]) == ("failed", "unknown.general")
    gone = (await house.call("POST", READ, token=token)).headers["Location"]
    for task in house.parts.later._keepers:
        task.cancel()
    house.building.clock.advance(seconds=WORK.total_seconds() - 1)
    assert (await look(house, token, gone)).body["state"] == "waiting"
    house.building.clock.advance(seconds=1)
    found = (await look(house, token, gone)).body
    assert (found["state"], found["problem"]["status"]) == ("failed", 504)


async def test_work_of_one_process_is_bounded_and_a_bug_is_told(house: ApiHouse, token: str) -> None:
    """Y3, Y7: beyond so many the next is sent away with nothing done; a mistake of ours is one, not a silence."""
    business, later = house.parts.business, house.parts.later
    actor = await house.building.operator()
    gate = asyncio.Event()

    async def work() -> Reply:
        await gate.wait()
        raise InvariantBroken("a bug")

    for _ in range(MOST):
        await later.soon(business, actor, work())  # type: ignore[type-var]
    with pytest.raises(TryAgain):
        await later.soon(business, actor, work())  # type: ignore[type-var]
    assert (await house.call("POST", READ, token=token)).status == 503
    gate.set()
    await later.close(within_s=30)
    assert (await house.call("POST", READ, token=token)).status == 202
