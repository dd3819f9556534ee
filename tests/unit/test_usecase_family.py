"""Several people of one account, and what tenants ask of the staff: on the real store, with real notices."""

from __future__ import annotations

import pytest

from prepaid.domain.access import Role
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.staff_requests import Wish
from prepaid.storage.driver import Database
from prepaid.usecases.ask_staff import MAX_WORDS, WISHES_AN_HOUR, ask_staff
from prepaid.usecases.bind_chat import bind_chat
from prepaid.usecases.compare_usage import Period, compare_usage
from prepaid.usecases.share_account import CODES_IN_TTL, invite_member, members_of, remove_member
from prepaid.usecases.show_balance import show_balance
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A building with nobody in it."""
    return await build(database, clock)


async def told_of(building: Building, kind: NoticeKind) -> list[Notice]:
    """The notices of one kind about the flat."""
    return [each for each in await building.business.store.notices.of_account("acc-1", 50) if each.kind is kind]


async def test_a_tenant_invites_sees_and_lets_go(building: Building) -> None:
    """A1, A5: the code binds one person, both see both; who was let go is out with the next message, and told."""
    business = building.business
    anna = await building.flat(1)
    stranger = await building.flat(2)
    code = await invite_member(business, anna, "acc-1")
    newcomer = (await business.store.people.at("chat", "ben", language="en")).actor()
    await bind_chat(business, newcomer, code, chat="chat:ben")
    found = await business.store.people.get(newcomer.id)
    assert found is not None
    ben = found.actor()
    assert [member.is_me for member in await members_of(business, anna, "acc-1")] == [True, False]
    assert {member.person_id for member in await members_of(business, ben, "acc-1")} == {anna.id, ben.id}
    for person_id in (stranger.id, "p_404"):
        with pytest.raises(Refused, match="not_found"):
            await remove_member(business, anna, "acc-1", person_id)
    with pytest.raises(Refused, match="remove_oneself"):
        await remove_member(business, anna, "acc-1", anna.id)
    await remove_member(business, anna, "acc-1", ben.id)
    gone = await business.store.people.get(ben.id)
    assert gone is not None
    with pytest.raises(Refused, match="not_found"):
        await show_balance(business, gone.actor(), "acc-1")
    told = await told_of(building, NoticeKind.MEMBER_REMOVED)
    assert [notice.person_id for notice in told] == [ben.id]
    trail = await business.store.audit.latest("acme/maple/b1/101", 20)
    assert {"issue_bind_code", "bind_chat", "remove_member"} <= {line.action for line in trail}


async def test_codes_of_an_account_are_counted(building: Building) -> None:
    """A5: an account gives out five codes in ten minutes, whoever of its people asks."""
    anna = await building.flat(1)
    for _ in range(CODES_IN_TTL):
        await invite_member(building.business, anna, "acc-1")
    with pytest.raises(Refused, match="too_many_tries"):
        await invite_member(building.business, anna, "acc-1")


async def test_the_staff_hears_of_a_wish_and_of_no_flood(building: Building) -> None:
    """A2, Y3: only the staff over the site is told, in the words given; an empty or sixth wish is refused."""
    business = building.business
    anna = await building.flat(1)
    with pytest.raises(Refused, match="nobody_to_ask"):
        await ask_staff(business, anna, "acc-1", Wish.HELP, words="the socket is hot")
    here = await building.operator(scope="acme/maple", role=Role.OPERATOR)
    await building.operator(scope="acme/oak", role=Role.OPERATOR)
    for words in ("", " " * 9, "x" * (MAX_WORDS + 1)):
        with pytest.raises(Refused, match="reason_needed"):
            await ask_staff(business, anna, "acc-1", Wish.HELP, words=words)
    for _ in range(WISHES_AN_HOUR - 1):
        building.clock.advance(seconds=1)
        await ask_staff(business, anna, "acc-1", Wish.PROTECTION, words="breathing machine")
    with pytest.raises(Refused, match="too_many_wishes"):
        await ask_staff(business, anna, "acc-1", Wish.MOVE_OUT, words="moving")
    told = await told_of(building, NoticeKind.PROTECTION_ASKED)
    assert {notice.person_id for notice in told} == {here.id}
    assert {notice.params["why"] for notice in told} == {"breathing machine"}
    assert len(told) == WISHES_AN_HOUR - 1


async def test_use_is_compared_with_the_period_before(building: Building) -> None:
    """T1: slots without a gap, each beside its place in the period before; the sums are those of the registers."""
    anna = await building.flat(1)
    await building.read(1, 1_000)
    for hour in range(1, 31):
        await building.read(1, 1_000 + 100 * hour, advance_s=3_600)
    (day,) = await compare_usage(building.business, anna, "acc-1", period=Period.DAY)
    assert len(day.slots) == 24
    assert day.total_wh + day.before_wh == 3_000
    assert day.before_wh > 0
    (week,) = await compare_usage(building.business, anna, "acc-1", period=Period.WEEK)
    assert (len(week.slots), week.total_wh, week.before_wh) == (7, 3_000, 0)
    (month,) = await compare_usage(building.business, anna, "acc-1", period=Period.MONTH)
    assert (len(month.slots), month.total_wh) == (30, 3_000)
    (year,) = await compare_usage(building.business, anna, "acc-1", period=Period.YEAR)
    assert (len(year.slots), year.total_wh, year.total_micro) == (12, 3_000, 3_000 * 600)
