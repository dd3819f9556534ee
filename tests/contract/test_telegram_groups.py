"""Admin groups over the strict stand-in for Telegram, with the real business: who may do what, and whose buttons."""

from __future__ import annotations

import pytest

from bot.channels.telegram_presses import Presses
from prepaid.domain.access import Actor, Grant, Role, inside
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.usecases.admin_groups import bind_group, issue_group_code, unbind_group
from prepaid.usecases.bind_chat import bind_chat
from prepaid.usecases.invite_staff import invite_staff
from prepaid.usecases.tell import Crossing, tell_staff
from tests.contract.test_telegram_story import GROUP, PlainSessions
from tests.contract.test_telegram_tenant import House, bind, house

__all__ = ["house"]
WAIT_S = 30.0


async def _staff(house: House, user: int, role: Role, scope: str) -> Actor:
    """Somebody with a role who writes from Telegram."""
    people = house.building.business.store.people
    person = await people.at("telegram", str(user), language="en")
    await people.grant(person.id, Grant(role, scope))
    found = await people.get(person.id)
    assert found is not None
    return found.actor()


async def _told(house: House, user: int, words: str, wanted: str) -> str:
    """What the group is shown after these words; waits for `wanted`."""
    person = house.sandbox.user(user, language="en")
    await person.say(words, group=GROUP)
    return (await person.wait_message(lambda m: wanted in m.text, WAIT_S, group=GROUP)).text


async def test_an_admin_group_works_for_admins_and_for_nobody_else(house: House) -> None:
    """A1, A2, A5: bound by a code, each acts with their own rights there, and presses only their own buttons."""
    business, site = house.building.business, house.building.site
    manager = await _staff(house, 21, Role.MANAGER, "acme")
    await _staff(house, 22, Role.VIEWER, "acme")
    await bind(house)
    await _told(house, 21, "/find 101", "write to me directly")  # The manager's own words show nothing either.
    code = await issue_group_code(business, manager, site.path)
    await _told(house, 22, f"/bind {code}", "wrong")  # The code alone binds nothing (A5).
    await _told(house, 21, f"/bind {code}", "admin group for")
    await _told(house, 7, "/balance", "write to me directly")  # A tenant learns nothing, not even that it is one.
    await _told(house, 21, "/code 101", "write to me directly")  # A key is never told in a group.
    assert "12.34" in await _told(house, 22, "/find 101", "12.34")
    await _press_of_another(house)
    assert await tell_staff(business, site, Crossing(NoticeKind.GATEWAY_BACK, "1"), {"gateway_id": "gw-1"}) == 4
    while await house.carry_notices():
        pass
    assert any("gw-1" in text for text in house.sandbox.screen(GROUP).texts)
    await _told(house, 21, "/unbind", "Let this group go?")
    asked = house.sandbox.screen(GROUP).newest()[0]
    manager_there = house.sandbox.user(21, language="en")
    await manager_there.press_data(asked.data_of(asked.labels[0]) or "", asked.id, group=GROUP)
    await manager_there.wait_message(lambda m: "no longer an admin group" in m.text, WAIT_S, group=GROUP)
    await house.sandbox.wait_confirmed(WAIT_S)


async def _press_of_another(house: House) -> None:
    """The manager is asked whether to cut; the viewer's press of it is refused at the button, a forged one too."""
    await _told(house, 21, "/cut 101", "101")
    screen = house.sandbox.screen(GROUP)
    asked = next(message for message in screen.newest() if message.labels)
    data = asked.data_of(asked.labels[0])
    assert data is not None
    said = len(screen.texts)
    viewer, manager = (house.sandbox.user(user, language="en") for user in (22, 21))
    await viewer.press_data(data, asked.id, group=GROUP)
    assert "somebody else" in await viewer.wait_answer(1, WAIT_S)
    await manager.press_data(data[:-1] + "9", asked.id, group=GROUP)
    assert "no longer valid" in await manager.wait_answer(1, WAIT_S)
    assert len(screen.texts) == said
    await manager.press_data(data, asked.id, group=GROUP)
    assert await manager.wait_answer(2, WAIT_S) == ""


async def test_a_group_is_let_go_only_by_who_could_bind_it(house: House) -> None:
    """A1, A5: foreign and missing groups answer alike; a code works once and binds groups alone; tries are counted."""
    business, site = house.building.business, house.building.site
    manager = await _staff(house, 21, Role.MANAGER, site.path)
    other = await _staff(house, 22, Role.MANAGER, "acme/elsewhere")
    code = await issue_group_code(business, manager, site.path)
    with pytest.raises(Refused, match=r"not_found"):
        await issue_group_code(business, other, site.path)
    invitation = await invite_staff(business, manager, Role.VIEWER, site.path)
    with pytest.raises(Refused, match=r"code_wrong"):
        await bind_group(business, manager, "telegram", "-1", invitation, chat="telegram:21@-5")
    reader = await business.store.people.at("telegram", "23", language="en")
    with pytest.raises(Refused, match=r"code_wrong"):  # Whoever reads it in the group becomes nobody by it.
        await bind_chat(business, reader.actor(), code, chat="telegram:23")
    assert await bind_group(business, manager, "telegram", "-1", code, chat="telegram:21@-1") == site.path
    with pytest.raises(Refused, match=r"code_wrong"):
        await bind_group(business, manager, "telegram", "-2", code, chat="telegram:21@-2")
    for group in ("-1", "-404"):
        with pytest.raises(Refused, match=r"not_found"):
            await unbind_group(business, other, "telegram", group)
    for _ in range(5):
        with pytest.raises(Refused, match=r"code_wrong"):
            await bind_group(business, manager, "telegram", "-3", "AAAA2222", chat="telegram:21@-3")
    with pytest.raises(Refused, match=r"too_many_tries"):
        await bind_group(business, manager, "telegram", "-3", "AAAA2222", chat="telegram:21@-3")
    await unbind_group(business, manager, "telegram", "-1")
    let_go = await business.store.people.known("telegram", "-1")
    assert let_go is not None
    assert let_go.grants == ()


def test_rights_in_a_group_are_ones_own_cut_to_its_place() -> None:
    """A2: neither the group's place nor the person's reach is ever widened, and one's own accounts stay private."""
    manager, viewer = Grant(Role.MANAGER, "acme"), Grant(Role.VIEWER, "acme/oak/b1")
    actor = Actor(id="p", accounts=frozenset({"a"}), grants=(manager, viewer))
    cut = inside(actor, ("acme/oak",))
    assert (cut.accounts, set(cut.grants)) == (frozenset(), {Grant(Role.MANAGER, "acme/oak"), viewer})
    assert inside(actor, ("other",)).grants == ()
    assert inside(actor, ()).grants == ()


async def test_every_button_fits_and_belongs_to_its_owner() -> None:
    """A4: 64 bytes at most; only the owner's press means anything; a lost memory makes a long button old, no more."""
    sessions = PlainSessions()
    presses = Presses(sessions, "1:secret")
    for owner in ("7", str(2**52)):
        for action in ("yes:1", "use:" + "a" * 60):
            data = await presses.seal(owner, action)
            assert len(data.encode()) <= 64
            assert (await presses.open(owner, data)).action == action
            assert (await presses.open("8", data)).foreign
            assert (await presses.open(owner, data + "x")).action is None
            assert (await Presses(sessions, "1:other").open(owner, data)).action is None
    shared = await presses.seal("-100", "balance")
    assert (await presses.open("8", shared)).action == "balance"
    sessions.kept.clear()
    assert (await presses.open("7", await Presses(PlainSessions(), "1:secret").seal("7", "u" * 64))).action is None
    assert (await presses.open("7", "")).action is None
