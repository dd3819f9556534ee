"""Sentences as people say them, which no phrase knows whole: what they are about, and that a guess does nothing."""

from __future__ import annotations

import pytest

from bot.conversations.guesses import ASKED_FIRST, guessed
from bot.conversations.intents import by_name, leaves, read
from bot.rendering.plain import render
from tests.fakes.rehearsed_chat import RehearsedChat

TENANTS = {
    "balance": (
        "how long will my money last",
        "how many days do I have left?",
        "when will I run out of money",
        "is my power coming back on",
        "it is dark, the lights went off again",
        "余额能用几天",
        "钱还能用多久",
        "卡里还剩多少钱呀",
        "我家灯不亮了怎么回事",
    ),
    "usage": (
        "how much power did I use last week",
        "compare with last month",
        "show me my water usage since January",
        "上周用了多少电",
        "上个月用电",
        "今年用了多少水",
        "和上个月比",
    ),
    "recharge": ("how can I pay?", "I'd like to add some money please", "我想给家里充点钱", "怎么交电费啊"),
    "history": ("when did I last pay", "did I top up in October?", "上次什么时候充的", "我最近充过几次"),
    "claim": (
        "I topped up an hour ago and it still has not arrived",
        "where is my money, I paid already",
        "刚才充了50怎么还没到",
        "昨天付的钱没收到",
    ),
    "payforme": ("can my mother pay instead", "请别人帮我充", "让公司帮我交电费行吗"),
    "statement": ("I need the bill for my employer", "把十月份账单发给我"),
    "alerts": ("please warn me a bit earlier", "快没钱的时候提醒我一下"),
    "quiet": ("please do not disturb me at night hours", "晚上10点到早上7点不要打扰我", "别再给我发消息了"),
    "emergency": ("I cannot pay until Monday", "can I borrow a little until payday", "今天没钱，先借我用一点"),
    "protectme": (
        "my child is ill, do not cut me off",
        "we have a baby in the house",
        "家里有老人，不要停电",
        "家里有病人用呼吸机，千万别停电",
    ),
    "leave": (
        "we are moving away next week",
        "I am leaving the flat at the end of the month",
        "下个月我就不租了",
        "我要搬走啦",
    ),
    "family": ("家里都有谁", "who else can use this room"),
    "share": ("add my wife please", "加个家人", "请添加我老婆"),
    "unbind": ("please remove my room from here", "我想把这个房间解绑"),
    "human": ("the socket is broken", "I want to complain about the staff", "插座坏了，找谁", "物业电话多少"),
    "prices": ("what are the prices at the moment", "peak hours are when?", "现在峰谷电价怎么算"),
    "outages": ("is there maintenance work planned", "明天几点来电", "周末停水吗，什么时候停水"),
    "why": ("why is it so expensive", "my credit is going down too fast", "怎么扣得这么多", "电费太贵了吧"),
    "dispute": ("I think the reading is wrong", "the bill of October has a mistake", "电表好像有问题"),
    "load": ("what uses power over night", "出门没人在家还在用电"),
    "orders": ("what about my unpaid orders", "我那个订单呢"),
    "contacts": ("I have a new phone number", "我换手机号了"),
    "asked": ("the landlord hasn't answered", "the staff did not reply to me", "nobody replied", "物业怎么还没回我"),
    "accounts": ("show me the other room", "看另一个房间"),
}
STAFF = {
    "tonight": ("who gets cut tonight", "今天晚上会停谁的电"),
    "arrears": ("which flats owe us something", "有多少户欠费了"),
    "tickets": ("any lost payments", "open tickets of the gateways", "还有没处理的工单吗"),
    "down": ("is any gateway offline", "有没有掉线的表"),
    "held": ("show me quarantined readings", "有异常读数吗"),
    "approvals": ("anything to approve", "有什么要审批的"),
    "report": (
        "export the figures",
        "给我看看这个月的报表吧",
        "how much did the building use last month",
        "and how does that compare with last year",
        "导出枫丹苑上个月的财务报表到excel",
        "上个月谁的用电排名第一",
        "枫丹苑这个月用了多少电",
    ),
    "broadcast": ("announce something", "通知所有住户一件事"),
    "outage": ("please schedule an outage", "下周要安排一次停电"),
    "tariff": ("I want to raise the price", "要调一下电价"),
    "open": ("a new tenant moved in", "来了个新租客"),
    "moveout": ("close the account", "201要退租了"),
    "staff": ("who is allowed to cut", "谁有权限"),
    "overview": ("how is the building", "所有房间怎么样"),
    "import": ("can I upload a spreadsheet", "我想上传一个名单"),
}


def _cases(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(name, said) for name, sentences in table.items() for said in sentences]


def _meant(said: str, *, staff: bool) -> list[str]:
    ask = read(said)
    if ask is not None:
        return [ask.intent.name]
    return [each.intent.name for each in guessed(said, tenant=not staff, staff=staff)]


@pytest.mark.parametrize(("name", "said"), _cases(TENANTS))
def test_a_tenant_s_sentence_is_understood(name: str, said: str) -> None:
    """One thing is meant, or the right one is among the few that are offered."""
    assert name in _meant(said, staff=False)


@pytest.mark.parametrize(("name", "said"), _cases(STAFF))
def test_a_sentence_of_the_staff_is_understood(name: str, said: str) -> None:
    """The same for those who manage."""
    assert name in _meant(said, staff=True)


def test_most_sentences_need_no_second_question() -> None:
    """A choice of two is for what is really unclear."""
    heard = [(_meant(said, staff=False), name) for name, said in _cases(TENANTS)]
    heard += [(_meant(said, staff=True), name) for name, said in _cases(STAFF)]
    assert sum(meant == [name] for meant, name in heard) >= 0.85 * len(heard)


@pytest.mark.parametrize(
    "said", ["hello there my friend of old", "今天天气真好", "thank you very much", "谢谢你啊", "ok 123 abc"]
)
def test_small_talk_is_no_wish(said: str) -> None:
    """What is about nothing of ours is not forced into something."""
    assert guessed(said, tenant=True, staff=True) == ()


def test_a_story_is_for_people_to_read() -> None:
    """A long text names much and asks for nothing in particular."""
    assert guessed("我想说一下我的余额。" * 20, tenant=True, staff=False) == ()


def test_the_staff_s_words_are_not_guessed_for_a_tenant() -> None:
    """A tenant is not shown that such a thing exists (A8)."""
    assert guessed("who gets cut tonight", tenant=True, staff=False) == ()


async def test_a_guess_is_answered_at_once() -> None:
    """T1: a sentence gets what its plain words would have got."""
    chat = RehearsedChat()
    assert render(await chat.say("ben", "how long will my money last")) == render(await chat.say("ben", "balance"))


async def test_two_meanings_are_offered() -> None:
    """Which is meant is chosen with a button."""
    chat = RehearsedChat()
    heard = render(await chat.say("ben", "the bill says my consumption doubled"))
    assert "Which of these" in heard
    assert "Usage" in heard


async def test_what_would_be_made_at_once_is_asked_about() -> None:
    """A link or a code is not made on a guess."""
    for said in ("请添加我老婆", "can my mother pay instead"):
        chat = RehearsedChat()
        await chat.say("ben", said)
        assert chat.calls == []
    assert all(by_name()[name].hints for name in ASKED_FIRST)


@pytest.mark.parametrize("no", ["no", "不", "不充了", "No, thanks", "don't", "不用了"])
async def test_a_bare_no_leaves_a_question(no: str) -> None:
    """An amount or a reason is no place to be stuck in."""
    chat = RehearsedChat()
    await chat.say("ben", "top up")
    assert "cancel" in render(await chat.say("ben", no)).casefold()
    await chat.say("admin", "cut 101")
    heard = render(await chat.say("admin", no))
    assert "取消" in heard
    assert f"原因：{no}" not in heard


async def test_another_sentence_leaves_the_question_for_an_amount() -> None:
    """Who asks something else in between gets its answer, and what looks like an amount is one."""
    chat = RehearsedChat()
    await chat.say("ben", "top up")
    assert "Price: ¥0.5283" in render(await chat.say("ben", "how long will my money last"))
    await chat.say("ben", "top up")
    assert "cannot read" in render(await chat.say("ben", "fifty-ish"))
    assert "¥50.00" in render(await chat.say("ben", "50"))


@pytest.mark.parametrize("no", ["不充了", "nope"])
async def test_a_no_to_nothing_starts_nothing(no: str) -> None:
    """With no question open there is nothing to leave."""
    assert "nothing to cancel" in render(await RehearsedChat().say("ben", no))


def test_a_room_may_be_called_n() -> None:
    """A letter alone may be a room's name."""
    assert not leaves("N")
    assert leaves("nope")


@pytest.mark.parametrize(
    ("said", "name", "argument"),
    [
        ("speak english", "language", "english"),
        ("说英文", "language", "英文"),
        ("请用中文", "language", "中文"),
        ("assign a meter", "assign", ""),
        ("replace a meter", "replace", ""),
        ("open a room", "open", ""),
        ("cut the power", "cut", ""),
        ("read 102 now", "read", "102"),
        ("cut a-meter-1", "cut", "a-meter-1"),
    ],
)
def test_a_kind_of_thing_is_not_its_name(said: str, name: str, argument: str) -> None:
    """To replace "a meter" asks which one; what has a name is looked for."""
    ask = read(said)
    assert ask is not None
    assert (ask.intent.name, ask.argument) == (name, argument)
