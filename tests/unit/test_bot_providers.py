"""Paying where several providers are set up: the choice is the confirmation, and no answer loses the question."""

from __future__ import annotations

import pytest

from bot.conversations.effects import StartTopUp
from bot.conversations.parts import menu_of
from tests.fakes.rehearsed_chat import RehearsedChat


@pytest.fixture
def chat() -> RehearsedChat:
    """A stage with two providers."""
    return RehearsedChat(providers=("alipay", "wechat_pay"))


def started(chat: RehearsedChat) -> list[tuple[str, int]]:
    """Whom the stage was asked to pay by, and how much."""
    return [(call.provider, call.amount_fen) for call in chat.calls if isinstance(call, StartTopUp)]


@pytest.mark.parametrize(
    ("words", "provider"), [("支付宝", "alipay"), ("WeChat Pay", "wechat_pay"), ("微信", "wechat_pay")]
)
async def test_a_provider_can_be_named(chat: RehearsedChat, words: str, provider: str) -> None:
    """T1, T3: its name in either language goes on to the code to pay by."""
    await chat.say("anna", "充值 50")
    assert started(chat) == []
    await chat.say("anna", words)
    assert started(chat) == [(provider, 5_000)]


async def test_a_provider_can_be_pressed_once(chat: RehearsedChat) -> None:
    """A press belongs to its own question: pressed again it opens nothing more, and a place that is none opens none."""
    parts = await chat.say("ben", "recharge 20")
    alipay, wechat, _ = menu_of(parts)
    assert [alipay.label, wechat.label] == ["Alipay", "WeChat Pay"]
    await chat.press("ben", alipay.action.replace(":0", ":9"))
    assert started(chat) == []
    await chat.press("ben", wechat.action)
    await chat.press("ben", wechat.action)
    assert started(chat) == [("wechat_pay", 2_000)]


async def test_what_is_no_provider_keeps_the_question(chat: RehearsedChat) -> None:
    """A word that means nothing is asked again, another amount changes the amount, and "no" ends it."""
    await chat.say("ben", "recharge 20")
    assert [button.label for button in menu_of(await chat.say("ben", "with cheese"))][:2] == ["Alipay", "WeChat Pay"]
    await chat.say("ben", "30")
    await chat.say("ben", "alipay")
    assert started(chat) == [("alipay", 3_000)]
    await chat.say("ben", "recharge 20")
    await chat.say("ben", "cancel")
    await chat.say("ben", "alipay")
    assert len(started(chat)) == 1
