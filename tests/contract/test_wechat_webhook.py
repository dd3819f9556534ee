"""The WeChat webhook over real HTTP: only WeChat is heard, retries join, and words stay words whatever they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from bot.channels.wechat import MAX_BODY_BYTES
from bot.conversations.inbound import Attached, Inbound, Thing
from bot.conversations.parts import Part, Text
from sandbox.wechat import WeChatSandbox, signature
from tests.contract.test_telegram_story import PlainSessions
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import Account, PlainClaims, account

HOSTILE = (
    "]]></Content><MsgType>x</MsgType><Content><![CDATA[",
    "]]]]>>]]>",
    "<xml>&lt;&amp;&#0;</xml>",
    "\x00\x08\x1f\ufffe tab\t",
    '<a href="https://example.org">press me</a>',
    "\U0001f600" * 500,
    "{0}{label}%s\\u0041",
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY f SYSTEM "file:///etc/hostname">]><xml><ToUserName>&b;&f;</ToUserName><Encrypt>&b;</Encrypt></xml>'
)


class Echo:
    """A conversation that says what it heard, and waits where it is told to."""

    def __init__(self) -> None:
        self.heard: list[Inbound] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        self.heard.append(inbound)
        if inbound.text == "slow":
            await self.gate.wait()
        return [Text(body=f"heard {inbound.action or inbound.text}")]


@pytest.fixture
def echo() -> Echo:
    """The conversation under the channel."""
    return Echo()


@pytest.fixture
async def wechat(echo: Echo, clock: ManualClock) -> AsyncIterator[Account]:
    """A channel in security mode."""
    async with account(echo, PlainSessions(), PlainClaims(), clock) as opened:
        yield opened


def text_xml(words: str, number: int = 1) -> str:
    """A message as WeChat writes it, its words unguarded."""
    return (
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>o-1</FromUserName><CreateTime>1</CreateTime>"
        f"<MsgType>text</MsgType><Content><![CDATA[{words}]]></Content><MsgId>{number}</MsgId></xml>"
    )


async def post(url: str, query: dict[str, str], body: str | bytes) -> tuple[int, str]:
    """What anybody may send, and the answer."""
    data = body.encode() if isinstance(body, str) else body
    async with aiohttp.ClientSession() as http, http.post(url, params=query, data=data) as answer:
        return answer.status, await answer.text()


async def test_only_wechat_is_heard_and_only_lately(wechat: Account, echo: Echo, clock: ManualClock) -> None:
    """A4: forged, altered, foreign, old and future messages, bombs and floods get an empty 4xx; nobody hears them."""
    sandbox, now_s = wechat.sandbox, int(clock.now().timestamp())
    query, body = sandbox.signed(text_xml("hello"))
    old_query, old_body = sandbox.signed(text_xml("hello"), at_s=now_s - 301)
    new_query, new_body = sandbox.signed(text_xml("hello"), at_s=now_s + 301)
    _, other = sandbox.signed(text_xml("another"))
    foreign = signature("anotherToken", query["timestamp"], query["nonce"])
    refused: list[tuple[dict[str, str], str | bytes]] = [
        ({}, body),
        ({**query, "signature": foreign}, body),
        ({**query, "signature": ""}, body),
        ({**query, "msg_signature": foreign}, body),
        ({**query, "timestamp": "9" * 30}, body),
        (query, other),
        (query, text_xml("in the clear")),
        (query, BOMB),
        (query, b"\xff\xfe" + body.encode()),
        (query, "<xml>" * 5000),
        (query, "x" * (MAX_BODY_BYTES + 1)),
        (query, ""),
        (old_query, old_body),
        (new_query, new_body),
    ]
    for number, (asked, sent) in enumerate(refused):
        status, said = await post(sandbox.server_url, asked, sent)
        assert 400 <= status < 500, number
        assert said == "", number
    assert echo.heard == []
    async with aiohttp.ClientSession() as http:
        for asked in ({}, {**query, "echostr": "1", "signature": foreign}, {**old_query, "echostr": "1"}):
            async with http.get(sandbox.server_url, params=asked) as answer:
                assert (answer.status, await answer.text()) == (403, "")
    assert await sandbox.verify_url()
    status, sealed = await post(sandbox.server_url, query, body)
    assert status == 200
    assert "Encrypt" in sealed
    assert len(echo.heard) == 1


async def test_a_bomb_inside_the_seal_is_refused_too(wechat: Account, echo: Echo) -> None:
    """A4: what is rightly signed and is no message is a 400; entities are never expanded."""
    for inner in (BOMB, "<xml/>", "no xml", "<xml><MsgType>text</MsgType></xml>"):
        assert await post(wechat.sandbox.server_url, *wechat.sandbox.signed(inner)) == (400, "")
    assert echo.heard == []


async def test_hostile_words_stay_words(wechat: Account) -> None:
    """Whatever a person writes, the reply is one whole text of at most 2048 bytes, and no link is made of it."""
    wechat.sandbox.account = "gh_1"
    person = wechat.sandbox.follower("o-1")
    for words in HOSTILE:
        await wechat.sandbox.deliver("o-1", text_xml(words.translate(CANNOT_TRAVEL).replace("]]>", SPLIT), len(words)))
    assert wechat.sandbox.complaints == []
    replies = [message.text for message in person.shown if message.way == "reply"]
    assert len(replies) == len(HOSTILE)
    assert replies[0].replace("\u2039", "<") == f"heard {HOSTILE[0]}"
    assert "<a " not in replies[4]


SPLIT = "]]]]><![CDATA[>"
CANNOT_TRAVEL = dict.fromkeys([0x00, 0x08, 0x1F, 0xFFFE])
"""What XML cannot carry never reaches us in XML."""


async def test_a_retry_joins_the_turn_under_way(wechat: Account, echo: Echo) -> None:
    """M15: a message that comes again while its answer is being made is heard once, and the retry is answered."""
    echo.gate.clear()
    wechat.sandbox.patience_s = [0.3, 60.0, 60.0]
    person = wechat.sandbox.follower("o-1")
    saying = asyncio.create_task(person.say("slow"))
    async with asyncio.timeout(60), wechat.sandbox.changed:
        await wechat.sandbox.changed.wait_for(lambda: len(wechat.sandbox.deliveries) == 1)
    echo.gate.set()
    await saying
    assert [delivery.status for delivery in wechat.sandbox.deliveries] == [0, 200]
    assert person.texts == ["heard slow"]
    assert len(echo.heard) == 1
    # And long after, the same number is still the same message.
    await person.say("slow", number=wechat.sandbox.number() - 1)
    assert len(echo.heard) == 1


async def test_events_are_heard_by_their_meaning(wechat: Account, echo: Echo) -> None:
    """Following, scanning, menu presses and pictures are heard as what they are; views and places are not answered."""
    person = wechat.sandbox.follower("o-1")
    ticket = await wechat.api.ticket("ABCD2345", lasts_s=600)
    await person.follow(ticket.ticket)
    await person.follow(ticket.ticket)
    await person.press("balance")
    head = f"<ToUserName>gh_1</ToUserName><FromUserName>o-1</FromUserName><CreateTime>{2}</CreateTime>"
    quiet = (
        "<MsgType>event</MsgType><Event>VIEW</Event><EventKey>https://example.org</EventKey>",
        "<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><Status>success</Status>",
        "<MsgType>event</MsgType><Event>something_new</Event>",
        "<MsgType>something_new</MsgType><MsgId>5</MsgId>",
    )
    for detail in quiet:
        assert await post(wechat.sandbox.server_url, *wechat.sandbox.signed(f"<xml>{head}{detail}</xml>")) == (200, "")
    picture = f"<xml>{head}<MsgType>image</MsgType><PicUrl>x</PicUrl><MsgId>6</MsgId></xml>"
    await wechat.sandbox.deliver("o-1", picture)
    heard = [inbound.action or inbound.text for inbound in echo.heard]
    # The second scan within the same second is told apart from the first by its kind.
    assert heard == ["/start ABCD2345", "/start ABCD2345", "balance", None]
    assert echo.heard[-1].attached == Attached(thing=Thing.PHOTO)
    assert all(inbound.numbered and inbound.channel == "wechat" for inbound in echo.heard)


async def test_plain_mode_takes_one_body_for_one_signature(echo: Echo, clock: ManualClock) -> None:
    """A4: where messages come in the clear, a signature that was seen is no good for another body."""
    async with account(echo, PlainSessions(), PlainClaims(), clock, safe=False) as wechat:
        query, body = wechat.sandbox.signed(text_xml("hello"))
        assert (await post(wechat.sandbox.server_url, query, body))[0] == 200
        assert await post(wechat.sandbox.server_url, query, text_xml("recharge 500", 2)) == (403, "")
        assert [inbound.text for inbound in echo.heard] == ["hello"]
        person = wechat.sandbox.follower("o-2")
        await person.say("hi")
        assert person.texts == ["heard hi"]


async def test_the_menu_is_set_once(wechat: Account) -> None:
    """The menu is offered at the start, within WeChat's limits, and one that stands is left alone."""
    sandbox: WeChatSandbox = wechat.sandbox
    async with asyncio.timeout(60), sandbox.changed:
        await sandbox.changed.wait_for(lambda: ("menu/create", 0) in sandbox.calls)
    assert [button.get("key") for button in sandbox.menu] == ["balance", "recharge", None]
    await wechat.channel._offer_menu(asyncio.Event())
    assert sandbox.calls.count(("menu/create", 0)) == 1
