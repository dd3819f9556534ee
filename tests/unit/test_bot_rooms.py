"""What of a sentence names a room: the staff say room, amount and reason at once, and are asked only for the rest."""

from __future__ import annotations

import pytest

from bot.conversations import effects as do
from bot.conversations.amounts import spot_fen
from bot.conversations.desk import PickSite
from bot.conversations.parts import Part, menu_of
from bot.conversations.rooms import MOST_READINGS, readings
from bot.conversations.topics.cash import NextReceipt, TakeCash
from bot.conversations.topics.corrections import Adjust
from bot.conversations.topics.prices import ShowPrices
from bot.conversations.topics.read_now import ReadNow
from bot.conversations.topics.safety import TagSupply
from bot.rendering.plain import render
from tests.fakes.rehearsed_chat import RehearsedChat


@pytest.mark.parametrize(
    ("said", "then", "room", "besides"),
    [
        ("102 50", "cash", "102", "50"),
        ("102 收现金 50", "cash", "102", "收现金 50"),
        ("102收50块", "cash", "102", "收50块"),
        ("102室 50元", "cash", "102", "50元"),
        ("50 in cash from room 102", "cash", "102", "50 in cash"),
        ("Shop 12 50", "cash", "Shop 12", "50"),
        ("1栋101 50", "cash", "1栋101", "50"),
        ("the power of 102", "cut", "102", ""),
        ("102 meter Burns", "cut", "102", "meter Burns"),
        ("how much does 102 have left", "find", "102", ""),
    ],
)
def test_a_room_is_found_within_what_is_said(said: str, then: str, room: str, besides: str) -> None:
    """The whole is read first, so that no room is taken for a part of its name; then the likeliest part."""
    found = readings(said, then)
    assert found[0].room == said
    assert (room, besides) in [(each.room, each.besides) for each in found]
    assert len(found) <= MOST_READINGS


@pytest.mark.parametrize("then", ["find", "restore", "release", "read", "code", "cut", "tag"])
def test_two_rooms_are_not_half_of_what_was_meant(then: str) -> None:
    """A second number is no reason and no amount there, so neither room is taken."""
    assert [each.room for each in readings("102 103", then)] == ["102 103"]


@pytest.mark.parametrize(
    ("said", "amount_fen", "around"),
    [
        ("50", 5_000, ""),
        ("收50块", 5_000, "收"),
        ("五十元", 5_000, ""),
        ("50块五", 5_050, ""),
        ("¥1,000", 100_000, ""),
        ("meter 3 misread -12.50", -1_250, "meter 3 misread"),
    ],
)
def test_an_amount_is_spotted(said: str, amount_fen: int, around: str) -> None:
    """M1: integer fen with its sign; a sign or currency tells it from another number."""
    assert spot_fen(said) == (amount_fen, around)


@pytest.mark.parametrize("said", ["3 4", "12a", "一次", "12-3", "", "1.234"])
def test_what_could_be_two_amounts_is_none(said: str) -> None:
    """Nothing is guessed where money moves."""
    assert spot_fen(said) is None


def _text(parts: list[Part]) -> str:
    return render(parts)


@pytest.mark.parametrize(
    "words",
    ["cash 102 50", "/cash 102 ¥50", "收现金 102 50元", "102 收现金 50", "102收50块", "took 50 in cash from 102"],
)
async def test_cash_with_room_and_amount_asks_for_a_yes_at_once(words: str) -> None:
    """M5: what is credited stands in the one question that is asked, and nothing moves before it."""
    chat = RehearsedChat()
    asked = _text(await chat.say("admin", words))
    assert "102" in asked
    assert "50.00" in asked
    assert [type(call) for call in chat.calls] == [do.FindAccount, NextReceipt]
    await chat.say("admin", "yes")
    taken = chat.calls[-1]
    assert isinstance(taken, TakeCash)
    assert (taken.account_id, taken.amount_fen, taken.method) == ("a102", 5_000, "cash")


async def test_a_bank_transfer_is_told_from_cash_and_two_amounts_are_asked() -> None:
    """The way of paying goes with the word; without one clear amount the form asks."""
    chat = RehearsedChat()
    await chat.say("admin", "收款 102 50元 银行转账")
    assert isinstance(chat.calls[-1], NextReceipt)
    assert chat.calls[-1].method == "bank"
    chat = RehearsedChat()
    await chat.say("admin", "cash 102 50 60")
    assert [type(call) for call in chat.calls] == [do.FindAccount]


async def test_an_adjustment_in_one_line() -> None:
    """M5, A3: amount, cause and reason are taken from the line, and the yes names all of them."""
    chat = RehearsedChat()
    asked = _text(await chat.say("admin", "adjust 102 -12.50 goodwill typed Twice"))
    assert "typed Twice" in asked
    await chat.say("admin", "yes")
    done = chat.calls[-1]
    assert isinstance(done, Adjust)
    assert (done.amount_fen, done.cause, done.why) == (-1_250, "goodwill", "typed Twice")


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ("102现在读数多少", ReadNow),
        ("读数 102", ReadNow),
        ("read room 102", ReadNow),
        ("102的余额", do.ShowBalance),
        ("102", do.ShowBalance),
        ("how much does 102 have left", do.ShowBalance),
        ("查找 102室", do.ShowBalance),
    ],
)
async def test_a_room_may_begin_a_sentence_or_stand_in_it(words: str, effect: type[do.Effect]) -> None:
    """Staff words are understood with the room before or after them."""
    chat = RehearsedChat()
    await chat.say("admin", words)
    assert [type(call) for call in chat.calls][:2] == [do.FindAccount, effect]


@pytest.mark.parametrize(
    ("words", "on"),
    [("102断电", False), ("turn off the power of 102", False), ("102送电", True), ("switch 102 back on", True)],
)
async def test_a_supply_moves_only_after_its_yes(words: str, on: bool) -> None:
    """S2: however it is said, the room is named in a question before anything is switched."""
    chat = RehearsedChat()
    await chat.say("admin", words)
    assert [type(call) for call in chat.calls] == [do.FindAccount]
    if not on:
        await chat.say("admin", "works on the roof")
    await chat.say("admin", "yes")
    switched = chat.calls[-1]
    assert isinstance(switched, do.SwitchSupply)
    assert (switched.account_id, switched.on) == ("a102", on)


async def test_a_reason_said_with_the_room_is_the_reason() -> None:
    """A3: a cut and a lock take it from the line and show it in their question."""
    chat = RehearsedChat()
    assert "Roof works" in _text(await chat.say("admin", "cut 102 Roof works"))
    await chat.say("admin", "no")
    assert "Roof works" in _text(await chat.say("admin", "tag 102 Roof works"))
    await chat.say("admin", "yes")
    assert isinstance(chat.calls[-1], TagSupply)
    assert chat.calls[-1].why == "Roof works"


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ("电价", PickSite),
        ("price list", PickSite),
        ("价目表 101", do.FindAccount),
        ("the prices of maple", PickSite),
        ("充值 102 50元", NextReceipt),
        ("用电量", PickSite),
    ],
)
async def test_the_staff_get_what_they_mean_by_a_tenants_words(words: str, effect: type[do.Effect]) -> None:
    """A2: whoever rents nothing is not told that no room is bound, but asked or shown what they can see."""
    chat = RehearsedChat()
    await chat.say("admin", words)
    assert effect in [type(call) for call in chat.calls]


@pytest.mark.parametrize("words", ["tag 102", "void 102", "assign 102", "调账 102", "open 枫丹苑"])
async def test_a_bare_no_leaves_a_form(words: str) -> None:
    """Whoever says no to a question wants out: it is no reason, no receipt and no name."""
    chat = RehearsedChat()
    await chat.say("admin", words)
    calls = len(chat.calls)
    assert "已取消" in _text(await chat.say("admin", "no"))
    assert len(chat.calls) == calls
    assert "现在没有" in _text(await chat.say("admin", "取消"))


async def test_a_word_that_both_use_is_the_staffs_for_the_staff() -> None:
    """`tariff` alone is the change of prices for whoever manages them, and a tenant's price list for a tenant."""
    chat = RehearsedChat()
    await chat.say("admin", "tariff")
    await chat.say("admin", "枫丹苑")
    picked = [call.then for call in chat.calls if isinstance(call, PickSite)]
    assert picked[0] == "tariff"
    await chat.say("ben", "tariff")
    assert isinstance(chat.calls[-1], ShowPrices)


@pytest.mark.parametrize("words", ["help me please the socket is broken", "asdf qwer"])
async def test_whoever_is_not_understood_is_offered_people(words: str) -> None:
    """T2: a tenant always ends at somebody; the staff has nobody to be sent to."""
    chat = RehearsedChat()
    shown = await chat.say("ben", words)
    assert chat.sessions["ben"].flow is not None or "human" in [each.action for each in menu_of(shown)]
    assert "human" not in [each.action for each in menu_of(await chat.say("admin", "asdf qwer"))]
