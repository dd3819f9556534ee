"""Flows of the conversation: confirm before anything moves, cancel and time out at any step, by role."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.conversations import effects as do
from bot.conversations.core import handle
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.intents import intents
from bot.conversations.parts import Button, Buttons, Chart, List, Part, PayQR, ProgressThread, menu_of
from bot.conversations.session import FLOW_TTL_S, Session
from bot.conversations.vocabulary import Audience
from bot.rendering.plain import render
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.supply import HoldKind
from tests.fakes.rehearsed_chat import AT, RehearsedChat


def button(parts: list[Part], starts: str) -> str:
    """The action of the first button that starts so."""
    return next(each.action for each in menu_of(parts) if each.action.startswith(starts))


async def test_recharge_asks_amount_then_confirms_then_pays() -> None:
    """M5: an order is opened only after a yes that named room and amount; then the code and its thread are shown."""
    chat = RehearsedChat()
    asked = await chat.say("ben", "recharge")
    assert [each.label for each in menu_of(asked)][:4] == ["¥20", "¥50", "¥100", "¥200"]
    confirm = await chat.say("ben", "50.5")
    assert "102" in render(confirm)
    assert "¥50.50" in render(confirm)
    assert not [call for call in chat.calls if isinstance(call, do.StartTopUp)]
    paying = await chat.press("ben", button(confirm, "yes:"))
    assert chat.calls[-1] == do.StartTopUp(account_id="a102", label="102", amount_fen=5050)
    assert [type(part) for part in paying] == [PayQR, ProgressThread]


async def test_a_second_yes_opens_no_second_order() -> None:
    """M15: a button pressed twice, or late, is told to be old and changes nothing."""
    chat = RehearsedChat()
    yes = button(await chat.say("ben", "recharge 50"), "yes:")
    await chat.press("ben", yes)
    again = await chat.press("ben", yes)
    assert "no longer valid" in render(again)
    await chat.say("ben", "recharge 20")
    assert "no longer valid" in render(await chat.press("ben", yes))
    assert sum(isinstance(call, do.StartTopUp) for call in chat.calls) == 1


@pytest.mark.parametrize("amount", ["0.5", "5001", "lots", "-5", "1.234"])
async def test_a_wrong_amount_keeps_the_question_open(amount: str) -> None:
    """A wrong amount gets a clear answer, and the next message can mend it."""
    chat = RehearsedChat()
    await chat.say("ben", "recharge")
    await chat.say("ben", amount)
    assert "¥30.00" in render(await chat.say("ben", "30"))


@pytest.mark.parametrize("word", ["cancel", "/cancel", "no"])
async def test_cancel_ends_any_question(word: str) -> None:
    """Nothing has changed after a cancel."""
    chat = RehearsedChat()
    await chat.say("ben", "recharge 50")
    assert "cancelled" in render(await chat.say("ben", word))
    assert chat.sessions["ben"].flow is None
    assert "did not get" in render(await chat.say("ben", "yes"))
    assert not [call for call in chat.calls if isinstance(call, do.StartTopUp)]


async def test_a_late_yes_is_too_late() -> None:
    """A question that waited too long is forgotten, whether it is answered by a button or in words."""
    for late in ("press", "say"):
        chat = RehearsedChat()
        yes = button(await chat.say("ben", "recharge 50"), "yes:")
        chat.now = AT + timedelta(seconds=FLOW_TTL_S + 1)
        parts = await chat.press("ben", yes) if late == "press" else await chat.say("ben", "yes")
        assert "timed out" in render(parts)
        assert not [call for call in chat.calls if isinstance(call, do.StartTopUp)]


async def test_another_intent_leaves_the_question() -> None:
    """A person may change their mind in the middle."""
    chat = RehearsedChat()
    await chat.say("ben", "recharge")
    assert "-¥1.24" in render(await chat.say("ben", "balance"))
    assert chat.sessions["ben"].flow is None


@pytest.mark.parametrize("trouble", [TryAgain("try_again.provider"), Unknown("unknown.provider")])
async def test_trouble_is_told_in_its_kind(trouble: Exception) -> None:
    """Y7: what may succeed later and what may have happened are told apart."""
    chat = RehearsedChat(broken={do.StartTopUp: trouble})  # type: ignore[dict-item]
    await chat.say("ben", "recharge 50")
    words = render(await chat.say("ben", "yes"))
    assert ("nothing was charged" in words) is isinstance(trouble, TryAgain)


async def test_a_refused_amount_asks_again() -> None:
    """The use case has the last word on amounts; its refusal keeps the question open."""
    chat = RehearsedChat(broken={do.StartTopUp: Refused("refused.amount_range", min_fen=100, max_fen=500)})
    await chat.say("ben", "recharge 50")
    assert "¥5.00" in render(await chat.say("ben", "yes"))
    assert chat.sessions["ben"].flow is not None


STAFF_ACTIONS = [intent.name for intent in intents() if intent.audience is Audience.STAFF]


@pytest.mark.parametrize("name", STAFF_ACTIONS)
async def test_a_tenant_has_no_staff_words(name: str) -> None:
    """A8: typed or pressed, a staff word does nothing for a tenant, not even the asking."""
    chat = RehearsedChat()
    for parts in (await chat.say("ben", f"/{name} 101"), await chat.press("ben", f"{name}:101")):
        assert "did not get" in render(parts)
    assert chat.calls == []


async def test_help_names_only_what_works_for_the_role() -> None:
    """Help is by role: a tenant sees no staff words, staff without a room no tenant's."""
    chat = RehearsedChat()
    tenant, staff = render(await chat.say("ben", "help")), render(await chat.say("admin", "/help"))
    assert "recharge 50" in tenant
    assert "overview" not in tenant
    assert "101" in staff
    assert "50" not in staff


@pytest.mark.parametrize("room", ["999", "a102 "])
async def test_foreign_and_missing_rooms_look_the_same(room: str) -> None:
    """A1: another's account and no account get the same answer."""
    chat = RehearsedChat()
    foreign = await chat.press("anna", f"use:{room.strip()}")
    missing = await chat.press("anna", "use:nowhere")
    assert foreign == missing
    assert chat.calls == []


async def test_cutting_needs_a_reason_and_a_yes() -> None:
    """A3: supply moves only with a reason on record and a confirmation that names room and reason."""
    chat = RehearsedChat()
    await chat.say("admin", "/cut 101")
    asked = await chat.say("admin", "cable smells burnt")
    assert "cable smells burnt" in render(asked)
    assert not [call for call in chat.calls if isinstance(call, do.SwitchSupply)]
    await chat.press("admin", button(asked, "yes:"))
    assert chat.calls[-1] == do.SwitchSupply(account_id="a101", label="101", on=False, reason="cable smells burnt")


async def test_a_ready_reason_goes_on_to_the_yes() -> None:
    """A pressed reason is as good as a written one."""
    chat = RehearsedChat()
    asked = await chat.press("admin", button(await chat.say("admin", "/protect 101"), "pick:"))
    await chat.press("admin", button(asked, "yes:"))
    held = chat.calls[-1]
    assert isinstance(held, do.HoldSupply)
    assert held.kind is HoldKind.ON


@pytest.mark.parametrize("words", ["/restore 102", "/release 102"])
async def test_restoring_and_releasing_need_a_yes(words: str) -> None:
    """No supply moves without a yes."""
    chat = RehearsedChat()
    await chat.say("admin", words)
    assert [type(call) for call in chat.calls] == [do.FindAccount]
    await chat.say("admin", "ok")
    assert isinstance(chat.calls[-1], do.SwitchSupply | do.HoldSupply)


async def test_a_room_is_asked_for_and_then_used() -> None:
    """A staff word without a room asks for it."""
    chat = RehearsedChat()
    await chat.say("admin", "/code")
    assert "7KQ2M9XA" in render(await chat.say("admin", "101"))


async def test_an_unbound_person_is_told_how_to_bind_and_can() -> None:
    """A5: a stranger learns how to bind, a wrong code keeps the question open, a right one shows the balance."""
    chat = RehearsedChat()
    for words in ("/balance", "whatever", "/start"):
        assert "7KQ2M9XA" in render(await chat.say("new", words))
    await chat.say("new", "bind WRNG2222")
    assert "¥46.38" in render(await chat.say("new", "7KQ2M9XA"))
    chat = RehearsedChat()
    assert "¥46.38" in render(await chat.say("new", "7kq2m9xa"))


async def test_unbinding_asks_once() -> None:
    """A5: unbinding takes one yes and works at once."""
    chat = RehearsedChat()
    await chat.press("ben", button(await chat.say("ben", "unbind"), "yes:"))
    assert chat.actors["ben"].accounts == frozenset()


async def test_several_rooms_are_chosen_from_once() -> None:
    """T1: with several rooms the question is which; the choice goes on with what was asked and is remembered."""
    chat = RehearsedChat()
    choice = await chat.say("both", "/recharge 30")
    assert isinstance(choice[0], List)
    confirm = await chat.press("both", menu_of(choice)[1].action)
    assert "102" in render(confirm)
    assert "¥30.00" in render(confirm)
    assert "102" in render(await chat.say("both", "/balance"))


async def test_numbers_press_the_last_menu_where_buttons_are_numbers() -> None:
    """T3: on a channel without buttons "2" is the second answer, elsewhere it is just two yuan."""
    numbered, buttons = RehearsedChat(numbered=True), RehearsedChat()
    for chat in (numbered, buttons):
        await chat.say("ben", "recharge")
    assert "¥50.00" in render(await numbered.say("ben", "2"))
    assert "¥2.00" in render(await buttons.say("ben", "2"))


async def test_usage_by_hour_and_by_day() -> None:
    """T1: a day comes in hours, a week in days, and the sums agree with the bars."""
    chat = RehearsedChat()
    day, week = (await chat.say("ben", "usage"))[0], (await chat.say("ben", "this week's usage"))[0]
    assert isinstance(day, Chart)
    assert isinstance(week, Chart)
    assert len(day.points) == 24
    assert len(week.points) in (7, 8)
    assert sum(point.value for point in day.points) == 8_925


async def test_language_is_changed_for_good() -> None:
    """T1: the answer comes in the new language."""
    chat = RehearsedChat()
    assert "English" in render(await chat.say("anna", "english"))
    assert "Balance" in render(await chat.say("anna", "balance"))


async def test_did_you_mean_offers_the_command() -> None:
    """T3: a slip is answered with what was probably meant."""
    chat = RehearsedChat()
    meant = await chat.say("ben", "/balanec")
    assert isinstance(meant[0], Buttons)
    assert menu_of(meant)[0].action == "balance"


def test_groups_learn_nothing() -> None:
    """A1: a balance is never shown in a group."""
    chat = RehearsedChat()
    inbound = Inbound(channel="test", user="ben", text="/balance", private=False)
    reply = handle(Turn(inbound=inbound, actor=chat.actors["ben"], at=AT), Session())
    assert not reply.effects
    assert "privat" in render(reply.parts)


def test_a_button_that_no_channel_can_carry_is_a_bug() -> None:
    """An action of more than 64 bytes is noticed when it is made, not when Telegram refuses it."""
    with pytest.raises(InvariantBroken):
        Button(label="x", action="x" * 65)
