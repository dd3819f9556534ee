"""Whatever is sent to the Telegram webhook: never a 5xx, no word to anybody who is not Telegram (A4, F12, F14).

The conversation behind it is the real core over its stage, so that odd updates are also answered and rendered.
`CHATWATT_FUZZ_EXAMPLES` says how many are tried of each.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.channels.telegram_intake import SECRET_HEADER
from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part
from tests.contract.test_telegram_reading import UPDATES
from tests.contract.test_telegram_story import Script
from tests.contract.test_telegram_webhook import SECRET, Door, served
from tests.fakes.rehearsed_chat import RehearsedChat

EXAMPLES = int(os.environ.get("CHATWATT_FUZZ_EXAMPLES", "50"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ("余额", "/start", "/import", "是", "@chatwatt_bot 今晚", "x" * 5_000, "\ud800", "<b>", "\0")
)
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "chat", "text", "x")), inner),
    max_leaves=6,
)


class Stage(Script):
    """The core, spoken to by a tenant and, over the number 9, by an admin."""

    def __init__(self) -> None:
        super().__init__()
        self._chat = RehearsedChat()

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        """What the core says."""
        self.heard.append(inbound)
        return await self._chat.hear(replace(inbound, user="admin" if inbound.user == "9" else "ben"))


class Running:
    """A served webhook in a loop of its own, so that Hypothesis can call it from ordinary functions."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._numbers = count(1)
        self.stage = Stage()
        self.door: Door = self.run(self._stack.enter_async_context(served(self.stage)))
        self.run(self.door.sandbox.wait_calls("setMyCommands", 2, 30.0))
        for chat in (7, 9, -100):
            self.door.sandbox.screen(chat)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    def number(self) -> int:
        """Of an update that was never sent before."""
        return next(self._numbers)

    async def send(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        async with self.door.http.post(self.door.url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.close()


def _places(holder: Any) -> list[tuple[Any, Any]]:
    """Every place in an update: what holds it and under which name."""
    keys = holder.keys() if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
    return [place for key in keys for place in ((holder, key), *_places(holder[key]))]


def _change(data: st.DataObject, update: dict[str, Any]) -> None:
    """Puts something else, or nothing, in one place of it."""
    places = _places(update)
    if places:
        holder, key = data.draw(st.sampled_from(places))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = data.draw(ODD)


@FUZZ
@given(update=st.sampled_from(list(UPDATES.values())), times=st.integers(0, 4), data=st.data())
def test_no_update_is_too_odd(running: Running, update: dict[str, Any], times: int, data: st.DataObject) -> None:
    """Y3, Y7: with anything in any place an update is answered, passed over or refused; nothing of ours ever breaks."""
    update = copy.deepcopy(update)
    for _ in range(times):
        _change(data, update)
    if data.draw(st.integers(0, 9)):
        update["update_id"] = running.number()
    with capture_logs() as logs:
        status, said = running.run(running.send(json.dumps(update).encode(), {SECRET_HEADER: SECRET}))
    assert status in {200, 400}
    assert said == b""
    assert [line for line in logs if line["event"] == "telegram_update_failed"] == []


@FUZZ
@given(body=st.binary(max_size=400), cut=st.integers(0, 400), update=st.sampled_from(list(UPDATES.values())))
def test_no_body_is_too_odd(running: Running, body: bytes, cut: int, update: dict[str, Any]) -> None:
    """F14: bytes that are no update, or half of one, get a 400."""
    whole = json.dumps({**update, "update_id": running.number()}).encode()
    spoilt = whole[:cut] + body + whole[cut + len(body) :]
    status, said = running.run(running.send(spoilt, {SECRET_HEADER: SECRET}))
    assert status in {200, 400}
    assert said == b""


@FUZZ
@given(
    secret=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    update=st.sampled_from(list(UPDATES.values())),
)
def test_strangers_get_an_empty_no(running: Running, secret: str | None, update: dict[str, Any]) -> None:
    """A4: without the secret nothing is heard, and nothing is said."""
    running.stage.heard.clear()
    calls = len(running.door.sandbox.calls)
    body = json.dumps({**update, "update_id": running.number()}).encode()
    status, said = running.run(running.send(body, {} if secret is None else {SECRET_HEADER: f"x{secret}"}))
    assert status in {401, 403}
    assert said == b""
    assert running.stage.heard == []
    assert len(running.door.sandbox.calls) == calls
