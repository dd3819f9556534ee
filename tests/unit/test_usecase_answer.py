"""Whoever asks for people ends at somebody: the request says how to answer, and the answer comes to the room alone."""

from __future__ import annotations

import pytest

from prepaid.domain.access import Role
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.staff_requests import Wish
from prepaid.storage.driver import Database
from prepaid.usecases.answer_tenant import answer_tenant
from prepaid.usecases.ask_staff import ask_staff
from prepaid.usecases.search_audit import search_audit
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.unit.test_bot_staff import Desk
from tests.unit.test_usecase_family import told_of


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with a tenant each, and one where nobody is bound."""
    building = await build(database, clock)
    await building.flat(1)
    await building.flat(2)
    await building.flat(3, tenant=False)
    return building


async def _told(building: Building, kind: NoticeKind) -> list[tuple[str, str]]:
    found = await told_of(building, kind)
    return sorted((each.person_id, str(each.params.get("words") or each.params.get("room"))) for each in found)


async def test_a_request_is_answered_in_the_chat(building: Building) -> None:
    """T2, A3: who asked reads the answer where they are, nobody else does, and the trail says who wrote it."""
    manager = await building.operator(role=Role.MANAGER)
    tenant = (await building.business.store.people.at("chat", "tenant-1", language="en")).actor()
    await ask_staff(building.business, tenant, "acc-1", Wish.HELP, words="the socket is hot")
    assert await _told(building, NoticeKind.HELP_ASKED) == [(manager.id, "101")]
    desk, who = Desk(building), f"staff-acme-{Role.MANAGER}"
    asked = await desk.say(who, "answer 101 We come at Nine")
    assert "We come at Nine" in asked
    assert not await _told(building, NoticeKind.STAFF_ANSWERED)
    assert "Sent" in await desk.say(who, "yes")
    assert await _told(building, NoticeKind.STAFF_ANSWERED) == [(tenant.id, "We come at Nine")]
    trail = await search_audit(building.business, manager, "acc-1")
    lines = [(each.actor, each.action, each.reason) for each in trail]
    assert (manager.id, "answer_tenant", "We come at Nine") in lines


async def test_an_answer_goes_no_further_than_the_reach(building: Building) -> None:
    """A2, N1: a room elsewhere and a missing one are alike; the same wish tells once; empty rooms are said to be so."""
    operator = await building.operator(scope=f"{building.site.path}/b1")
    for actor, account in (
        (await building.operator(scope="acme/oak"), "acc-1"),
        (await building.operator(role=Role.VIEWER), "acc-1"),
        (operator, "acc-404"),
    ):
        with pytest.raises(Refused, match="not_found"):
            await answer_tenant(building.business, actor, account, "hello", wish="w")
    for _ in range(2):
        assert await answer_tenant(building.business, operator, "acc-1", "hello", wish="w") == 1
    assert len(await _told(building, NoticeKind.STAFF_ANSWERED)) == 1
    with pytest.raises(Refused, match="broadcast_nobody"):
        await answer_tenant(building.business, operator, "acc-3", "hello", wish="w")
    for words in ("  ", "x" * 301):
        with pytest.raises(Refused, match="reason_needed"):
            await answer_tenant(building.business, operator, "acc-1", words, wish="w")
