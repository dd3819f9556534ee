"""Slips that people make in the running demo, and what comes of them."""

from __future__ import annotations

import pytest

from bot.conversations import effects as do
from bot.conversations.intents import read
from bot.rendering.plain import render
from tests.fakes.rehearsed_chat import RehearsedChat

IN_THE_DARK = (
    "为什么停电",
    "为什么没电了？",
    "怎么断电了",
    "停电了怎么办",
    "我家没电了",
    "没电",
    "why is my power off?",
    "Why has the power been cut off",
    "why is there no electricity",
    "the lights went out",
    "no power",
)


@pytest.mark.parametrize("words", IN_THE_DARK)
def test_who_sits_in_the_dark_may_ask_why(words: str) -> None:
    """T3: asking why the power is off shows the balance, where the reason stands beside the supply."""
    ask = read(words)
    assert ask is not None
    assert ask.intent.name == "balance"


@pytest.mark.parametrize("words", ["停电 102", "断电102", "cut 102", "停电"])
def test_the_staff_s_words_stay_theirs(words: str) -> None:
    """What orders a cut is not taken for a question about one."""
    ask = read(words)
    assert ask is not None
    assert ask.intent.name == "cut"


@pytest.mark.parametrize("slip", ["cut 102", "断电 102", "find 102"])
async def test_a_command_for_another_room_is_no_reason(slip: str) -> None:
    """Who is asked why 101 is to be cut and orders something for 102 does not cut 101 "because of 102"."""
    chat = RehearsedChat()
    await chat.say("admin", "cut 101")
    heard = render(await chat.say("admin", slip))
    assert "101" not in heard
    assert "102" in heard
    await chat.say("admin", "yes")
    assert not [call for call in chat.calls if isinstance(call, do.SwitchSupply)]


async def test_a_reason_may_look_like_a_command() -> None:
    """A reason in plain words is kept, even if it begins as a command does."""
    chat = RehearsedChat()
    await chat.say("admin", "cut 101")
    assert "停电检修3小时" in render(await chat.say("admin", "停电检修3小时"))
