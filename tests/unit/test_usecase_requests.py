"""Nothing that a tenant asks is lost: it stands among what is open until somebody on the staff has seen to it, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.staff_requests import RequestState, StaffRequest, Wish
from prepaid.domain.supply import HoldKind
from prepaid.storage.driver import Database
from prepaid.usecases.answer_tenant import answer_tenant
from prepaid.usecases.ask_staff import ask_staff
from prepaid.usecases.close_account import close_account
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.search_audit import search_audit
from prepaid.usecases.staff_requests import (
    MOST,
    finish_request,
    open_requests,
    own_requests,
    show_request,
    tell_of_requests,
)
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.unit.test_bot_staff import Desk
from tests.unit.test_usecase_family import told_of


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with a tenant each."""
    building = await build(database, clock)
    await building.flat(1)
    await building.flat(2)
    return building


async def _tenant(building: Building, unit: int) -> Actor:
    return (await building.business.store.people.at("chat", f"tenant-{unit}", language="en")).actor()


async def _ask(building: Building, unit: int, wish: Wish, words: str = "please") -> None:
    """Somebody asks; a moment passes, so that what comes next is later."""
    await ask_staff(building.business, await _tenant(building, unit), f"acc-{unit}", wish, words=words)
    building.clock.advance(seconds=60)


async def _open(building: Building, staff: Actor) -> list[tuple[str, Wish]]:
    return [(each.account_id, each.wish) for each in await open_requests(building.business, staff)]


class _Broken:
    """The outbox, dead until it is mended."""

    def __init__(self, real: Any) -> None:
        self._real, self.mended = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def queue(self, notice: Notice) -> bool:
        if not self.mended:
            raise TryAgain("try_again.store")
        return bool(await self._real.queue(notice))


async def test_what_is_asked_waits_oldest_first(building: Building) -> None:
    """T5: each request is in the list with its room, its words and when it was asked; what ends is not."""
    operator = await building.operator()
    asked_at = building.clock.now()
    await _ask(building, 2, Wish.HELP, "no light")
    await _ask(building, 1, Wish.PROTECTION, "a baby")
    first, second = await open_requests(building.business, operator)
    assert (first.label, first.words, first.asked_at) == ("Maple Court 102", "no light", asked_at)
    assert (second.label, second.wish, second.state) == ("Maple Court 101", Wish.PROTECTION, RequestState.OPEN)
    done = await finish_request(building.business, operator, first.id)
    assert (done.state, done.ended_by, done.ended_at) == (RequestState.DONE, operator.id, building.clock.now())
    assert await _open(building, operator) == [("acc-1", Wish.PROTECTION)]
    trail = await search_audit(building.business, await building.operator(role=Role.MANAGER), "acc-2")
    assert [each.action for each in trail if each.actor == operator.id] == ["finish_request"]


async def test_an_answer_ends_what_the_room_asked_before_it(building: Building) -> None:
    """T2: all that the room had asked has its answer; the neighbour's, and what came while it was written, stay."""
    operator = await building.operator()
    await _ask(building, 1, Wish.HELP)
    await _ask(building, 2, Wish.HELP)
    await _ask(building, 1, Wish.MOVE_OUT)
    begun = building.clock.now()
    building.clock.advance(seconds=30)
    await _ask(building, 1, Wish.PROTECTION)
    await answer_tenant(building.business, operator, "acc-1", "we come", wish="w", asked_until=begun)
    assert await _open(building, operator) == [("acc-2", Wish.HELP), ("acc-1", Wish.PROTECTION)]
    states = {
        each.wish: each.state for each in await own_requests(building.business, await _tenant(building, 1), "acc-1")
    }
    assert states == {
        Wish.HELP: RequestState.ANSWERED,
        Wish.MOVE_OUT: RequestState.ANSWERED,
        Wish.PROTECTION: RequestState.OPEN,
    }


async def test_doing_what_was_asked_ends_it(building: Building) -> None:
    """T5: a held supply is what protection waits for, a begun move-out what leaving waits for; nothing else ends."""
    manager = await building.operator(role=Role.MANAGER)
    for wish in Wish:
        await _ask(building, 1, wish)
    await _ask(building, 2, Wish.PROTECTION)
    for kind in (HoldKind.OFF, None):
        await hold_supply(building.business, manager, "acc-1", kind=kind, why="works", untag=True)
    assert len(await _open(building, manager)) == 4
    await hold_supply(building.business, manager, "acc-1", kind=HoldKind.ON, why="breathing machine")
    assert await _open(building, manager) == [
        ("acc-1", Wish.HELP),
        ("acc-1", Wish.MOVE_OUT),
        ("acc-2", Wish.PROTECTION),
    ]
    await close_account(building.business, manager, "acc-1", reason="moved")
    assert await _open(building, manager) == [("acc-1", Wish.HELP), ("acc-2", Wish.PROTECTION)]


async def test_a_request_is_kept_before_it_is_told(building: Building) -> None:
    """Y1, N1: what dies after the row loses nothing: it is open at once, told later, and to each of the staff once."""
    operator, real = await building.operator(), building.business
    outbox: Any = _Broken(real.store.notices)
    building.business = replace(real, store=replace(real.store, notices=outbox))
    await _ask(building, 1, Wish.HELP, "the socket is hot")
    assert await _open(building, operator) == [("acc-1", Wish.HELP)]
    assert await tell_of_requests(building.business) == 0
    assert await told_of(building, NoticeKind.HELP_ASKED) == []
    outbox.mended = True
    assert await tell_of_requests(building.business) == 1
    assert await tell_of_requests(building.business) == 0
    (told,) = await told_of(building, NoticeKind.HELP_ASKED)
    assert (told.person_id, told.params["why"]) == (operator.id, "the socket is hot")
    assert told.params["at"] == (building.clock.now() - timedelta(seconds=60)).isoformat()


async def test_two_sweepers_and_the_asker_tell_once(building: Building) -> None:
    """N1, F5: a row that several tell of at once is told once."""
    await building.operator()
    tenant = await _tenant(building, 1)
    asking = ask_staff(building.business, tenant, "acc-1", Wish.HELP, words="hello")
    await asyncio.gather(asking, *(tell_of_requests(building.business) for _ in range(4)))
    await tell_of_requests(building.business)
    assert len(await told_of(building, NoticeKind.HELP_ASKED)) == 1


async def test_of_two_who_see_to_it_at_once_one_has_done_so(building: Building) -> None:
    """F37: a request ends once, whoever is first; the other one hears that it has ended, and answers both arrive."""
    first, second = await building.operator(), await building.operator(role=Role.MANAGER)
    await _ask(building, 1, Wish.HELP)
    (request,) = await open_requests(building.business, first)
    ends = [finish_request(building.business, who, request.id) for who in (first, second)]
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    (won,) = [each for each in outcomes if isinstance(each, StaffRequest)]
    (lost,) = [each for each in outcomes if isinstance(each, Refused)]
    assert lost.key == "refused.request_ended"
    await _ask(building, 1, Wish.HELP, "again")
    answers = [answer_tenant(building.business, who, "acc-1", "we come", wish=who.id) for who in (first, second)]
    assert await asyncio.gather(*answers) == [1, 1]
    assert len(await told_of(building, NoticeKind.STAFF_ANSWERED)) == 2
    again, old = await own_requests(building.business, await _tenant(building, 1), "acc-1")
    assert old == won
    assert again.state is RequestState.ANSWERED
    assert again.ended_by in (first.id, second.id)
    assert await _open(building, first) == []


async def test_a_site_sees_its_own(building: Building) -> None:
    """A2: elsewhere, in the next building, or without the right to answer nothing is open, shown or ended."""
    await building.operator()
    await _ask(building, 1, Wish.HELP)
    (request,) = await open_requests(building.business, await building.operator())
    path = building.site.path
    for scope in (f"{path}/b1", f"{path}/b1/101"):
        assert await open_requests(building.business, await building.operator(scope=scope)) == (request,)
    strangers = [await building.operator(scope=scope) for scope in ("acme/oak", f"{path}/b10", f"{path}/b1/102")]
    strangers += [await building.operator(role=role) for role in (Role.VIEWER, Role.FINANCE)]
    strangers += [await _tenant(building, 1)]
    for stranger in strangers:
        assert await open_requests(building.business, stranger) == ()
        for number in (request.id, "rq_404"):
            with pytest.raises(Refused, match="not_found"):
                await show_request(building.business, stranger, number)
            with pytest.raises(Refused, match="not_found"):
                await finish_request(building.business, stranger, number)
    assert await building.business.store.staff_requests.get(request.id) == request


async def test_what_is_said_to_the_staff_is_not_the_familys(building: Building) -> None:
    """A1: whoever shares the room sees what they asked themselves; the neighbour and the staff get no such list."""
    operator = await building.operator()
    await _ask(building, 1, Wish.PROTECTION, "I am ill")
    store = building.business.store
    other = await store.people.at("chat", "flatmate", language="en")
    await store.people.bind(other.id, "acc-1")
    flatmate = (await store.people.at("chat", "flatmate", language="en")).actor()
    assert flatmate.accounts == {"acc-1"}
    assert await own_requests(building.business, flatmate, "acc-1") == ()
    assert len(await own_requests(building.business, await _tenant(building, 1), "acc-1")) == 1
    for stranger in (await _tenant(building, 2), operator):
        with pytest.raises(Refused, match="not_found"):
            await own_requests(building.business, stranger, "acc-1")


async def test_nobody_to_ask_leaves_nothing_open(building: Building) -> None:
    """T5: who is told that there is nobody to ask has asked nothing."""
    with pytest.raises(Refused, match="nobody_to_ask"):
        await _ask(building, 1, Wish.HELP)
    assert await _open(building, await building.operator()) == []


async def test_a_long_list_leaves_out_the_youngest(building: Building) -> None:
    """Y3: a list has an end, and the oldest is within it wherever its room stands among the others."""
    operator, store = await building.operator(), building.business.store.staff_requests
    await _ask(building, 2, Wish.HELP, "the first of all")
    (oldest,) = await open_requests(building.business, operator)
    for number in range(MOST + 5):
        later = building.clock.now() + timedelta(seconds=number)
        path = f"{building.site.path}/b1/101"
        await store.add(replace(oldest, id=f"rq_{number}", account_id="acc-1", path=path, asked_at=later))
    found = await open_requests(building.business, operator)
    assert len(found) == MOST + 1
    assert found[0] == oldest
    assert [each.id for each in found[1:]] == [f"rq_{number}" for number in range(MOST)]
    desk = Desk(building)
    shown = await desk.say(f"staff-acme-{Role.OPERATOR}", "requests")
    assert f"oldest {MOST}" in shown
    assert "page 1 of 25" in shown


async def test_the_staff_answers_from_the_list(building: Building) -> None:
    """T2, T5: asked in chat, listed with its age, answered by a press; the tenant reads so, and the list is empty."""
    await building.operator()
    desk, staff, tenant = Desk(building), f"staff-acme-{Role.OPERATOR}", "tenant-1"
    assert "No request" in await desk.say(staff, "requests")
    assert "in touch" in await desk.say(tenant, "talk to a human", "the socket is hot")
    assert "waiting for the staff" in await desk.say(tenant, "asked")
    building.clock.advance(hours=3)
    listed = await desk.say(staff, "requests")
    assert "Maple Court 101" in listed
    assert "3 hours ago" in listed
    assert "the socket is hot" in listed
    (request,) = await open_requests(building.business, await building.operator())
    asked = await desk.press(staff, f"requests:{request.id}", f"answer:{request.account_id}")
    assert "101" in asked
    assert "Sent" in await desk.say(staff, "We come at nine", "yes")
    assert "No request" in await desk.say(staff, "requests")
    assert "seen to this" in await desk.press(staff, f"finish:{request.id}")
    assert "answered" in await desk.say(tenant, "asked")
