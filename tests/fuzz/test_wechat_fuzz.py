"""Whatever is sent to the WeChat webhook: never a 5xx, and no word to anybody who is not WeChat (A4, F12, F14)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.wechat_seal import within_cdata
from sandbox.wechat_checks import read_reply
from tests.contract.test_telegram_story import PlainSessions
from tests.contract.test_wechat_webhook import Echo
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import Account, PlainClaims, account

NAMES = ("signature", "timestamp", "nonce", "msg_signature", "encrypt_type", "echostr")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TAGS = st.sampled_from(
    ("MsgType", "Event", "EventKey", "Content", "MsgId", "CreateTime", "FromUserName", "ToUserName", "List", "Encrypt")
)
EXAMPLES = int(os.environ.get("CHATWATT_FUZZ_EXAMPLES", "50"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Running:
    """A served account in a loop of its own, so that Hypothesis can call it from ordinary functions."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.echo = Echo()
        opened = account(self.echo, PlainSessions(), PlainClaims(), ManualClock())
        self.wechat: Account = self.run(self._stack.enter_async_context(opened))
        self.http: aiohttp.ClientSession = self.run(self._client())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def _client(self) -> aiohttp.ClientSession:
        return await self._stack.enter_async_context(aiohttp.ClientSession())

    async def send(self, method: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        url = self.wechat.sandbox.server_url
        async with self.http.request(method, url, params=query, data=body) as answer:
            return answer.status, await answer.read()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.close()


@FUZZ
@given(
    method=st.sampled_from(("GET", "POST")),
    query=st.dictionaries(st.sampled_from(NAMES), WORDS),
    keep=st.sets(st.sampled_from(NAMES)),
    body=st.binary(max_size=400),
)
def test_strangers_get_an_empty_no(
    running: Running, method: str, query: dict[str, str], keep: set[str], body: bytes
) -> None:
    """A4: a query that is not wholly WeChat's own, with any body, is refused without a word and without a hearing."""
    genuine, _ = running.wechat.sandbox.signed("<xml/>")
    asked = {**query, **{name: value for name, value in genuine.items() if name in keep - {"signature"}}}
    status, said = running.run(running.send(method, asked, body))
    assert 400 <= status < 500
    assert said == b""
    assert running.echo.heard == []


@FUZZ
@given(
    fields=st.lists(st.tuples(TAGS, WORDS), max_size=8),
    known=st.booleans(),
    kind=st.sampled_from(("text", "event", "voice", "image", "EVENT", "odd")),
    event=st.sampled_from(("subscribe", "SCAN", "CLICK", "VIEW", "unsubscribe", "subscribe_msg_popup_event", "odd")),
)
def test_odd_messages_of_wechat_are_no_trouble(
    running: Running, fields: list[tuple[str, str]], event: str, kind: str, *, known: bool
) -> None:
    """Y3: whatever WeChat may say under its own seal is answered or passed over, never with a 5xx."""
    head = "<FromUserName>o-1</FromUserName><ToUserName>gh_1</ToUserName>" if known else ""
    told = "".join(f"<{tag}><![CDATA[{within_cdata(words)}]]></{tag}>" for tag, words in fields)
    xml = f"<xml>{head}<MsgType>{kind}</MsgType><Event>{event}</Event>{told}</xml>"
    query, body = running.wechat.sandbox.signed(xml)
    status, said = running.run(running.send("POST", query, body.encode()))
    running.echo.heard.clear()
    assert status in {200, 400}
    assert (status == 200) or said == b""


@FUZZ
@given(words=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_words_never_leave_their_place(words: str) -> None:
    """User text in a reply stays user text: what the other side reads is what was said, less what XML cannot hold."""
    parts = "".join(
        f"<{name}><![CDATA[{within_cdata(text)}]]></{name}>"
        for name, text in (
            ("ToUserName", "o"),
            ("FromUserName", "g"),
            ("CreateTime", "1"),
            ("MsgType", "text"),
            ("Content", f"x{words}"),
        )
    )
    fields = read_reply(f"<xml>{parts}</xml>")
    held = "".join(c for c in words if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
    assert fields["Content"] == f"x{held}".replace("\r\n", "\n").replace("\r", "\n")
