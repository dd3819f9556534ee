"""Reading what people type: intents and amounts, in both languages and both widths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversations.amounts import looks_like_amount, read_fen
from bot.conversations.intents import intents, is_no, is_yes, nearest, normal, read, read_action
from prepaid.domain.errors import Refused

SAID = [
    ("余额", "balance", ""),
    ("查询余额？", "balance", ""),
    ("我的余额还有多少", "balance", ""),
    ("还剩多少钱", "balance", ""),
    ("/balance", "balance", ""),
    ("/BALANCE@our_bot", "balance", ""),
    ("Balance", "balance", ""),
    ("how much do I have left", "balance", ""),
    ("How much do I have left?", "balance", ""),
    ("what’s my balance", "balance", ""),
    ("今天用电量", "usage", "今天"),
    ("用电", "usage", ""),
    ("本周用电", "usage", "本周"),
    ("today's usage", "usage", "today's"),
    ("how much power did I use this week", "usage", "this week"),
    ("充值 100", "recharge", "100"),
    ("充值１００元", "recharge", "100元"),
    ("充 50.5块", "recharge", "50.5块"),
    ("充值一百元", "recharge", "一百元"),
    ("充值", "recharge", ""),
    ("我要充值 50", "recharge", "50"),
    ("Recharge 20", "recharge", "20"),
    ("top up with 20", "recharge", "20"),
    ("/topup 20", "recharge", "20"),
    ("账单", "statement", ""),
    ("show my history", "history", ""),
    ("切换房间", "accounts", ""),
    ("绑定 7KQ2M9XA", "bind", "7kq2m9xa"),
    ("bind 7KQ2M9XA", "bind", "7kq2m9xa"),
    ("解绑", "unbind", ""),
    ("/overview", "overview", ""),
    ("断电 101", "cut", "101"),
    ("cut off Room 101", "cut", "room 101"),
    ("送电101", "restore", "101"),
    ("restore 101", "restore", "101"),
    ("保电 A-101", "protect", "a-101"),
    ("解除保电 101", "release", "101"),
    ("code for 101", "code", "101"),
    ("English", "language", "english"),
    ("切换语言", "language", ""),
    ("你好！", "start", ""),
    ("/start 7KQ2M9XA", "start", "7kq2m9xa"),
    ("算了", "cancel", ""),
    ("?", "help", ""),
]


@pytest.mark.parametrize(("words", "intent", "argument"), SAID)
def test_words_and_commands_mean_the_same(words: str, intent: str, argument: str) -> None:
    """FEATURES T3: plain words work as well as commands, in both languages and both widths."""
    ask = read(words)
    assert ask is not None
    assert (ask.intent.name, ask.argument) == (intent, argument)


@pytest.mark.parametrize("words", ["", " ", "/", "天气怎么样", "/nosuch 1", "充满希望", "cutlery", "我爱你"])
def test_other_words_are_not_guessed(words: str) -> None:
    """What is not plainly an intent is not acted on."""
    assert read(words) is None


def test_actions_of_buttons() -> None:
    """A pressed button names its intent and argument."""
    ask = read_action("use:a1:recharge")
    assert ask is not None
    assert (ask.intent.name, ask.argument) == ("use", "a1:recharge")
    assert read_action("nosuch:1") is None


AMOUNTS = [
    ("50", 5000),
    ("５０．５", 5050),
    ("50.5块", 5050),
    ("¥1,000", 100_000),
    ("￥20", 2000),
    ("20 yuan", 2000),
    ("rmb 20", 2000),
    ("一百元", 10_000),
    ("一百", 10_000),
    ("两百五十", 25_000),
    ("五十点五", 5050),
    ("五十块五", 5050),
    ("50块5毛", 5050),
    ("0.01", 1),
]


@pytest.mark.parametrize(("words", "fen"), AMOUNTS)
def test_amounts_as_people_write_them(words: str, fen: int) -> None:
    """An amount is read to the exact fen, however it is written."""
    assert read_fen(words) == fen


WRONG = [
    "",
    "-5",
    "1.234",
    "abc",
    "5e3",
    "1,00",
    "一百电",
    "元",
    "50 60",
    "十" * 40,
    "1" * 500,
    "五十点五五五",
    "∞",
    "½",
]


@pytest.mark.parametrize("words", WRONG)
def test_wrong_amounts_are_refused(words: str) -> None:
    """What is not plainly an amount is refused, never guessed."""
    with pytest.raises(Refused, match=r"refused\.amount_unreadable"):
        read_fen(words)
    assert not looks_like_amount(words)


def test_yes_and_no() -> None:
    """Agreement is plain or it is none."""
    assert all(is_yes(word) for word in ("是", "确认", "好的！", "Yes", "OK.", "ｏｋ"))
    assert all(is_no(word) for word in ("不", "no", "否"))
    assert not is_yes("是不是")


def test_did_you_mean() -> None:
    """A slip of the finger finds its command; staff words are suggested to staff only."""
    assert nearest("/balanec", staff=False) == "balance"
    assert nearest("overveiw", staff=True) == "overview"
    assert nearest("overveiw", staff=False) is None
    assert nearest("qqqqqq", staff=True) is None


PHRASES = [(re.compile(phrase), intent.name) for intent in intents() for phrase in intent.phrases]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PHRASES).flatmap(lambda each: st.from_regex(each[0], fullmatch=True)))
def test_all_phrases_at_once_are_read_as_one_after_the_other(words: str) -> None:
    """T3: the one pattern that is fast to read means the same as each phrase in its turn."""
    plain = normal(words)
    match, name = next(((m, name) for pattern, name in PHRASES if (m := pattern.fullmatch(plain))), (None, ""))
    ask = read(words)
    if match is not None and not plain.startswith("/"):
        assert ask is not None
        assert (ask.intent.name, ask.argument) == (name, (match.groupdict().get("arg") or "").strip())
