"""The Telegram webhook over real HTTP: only Telegram is heard, and what it brings is answered once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from bot.channels.telegram import WEBHOOK_PATH, Mode, TelegramChannel
from bot.channels.telegram_intake import MAX_BODY_BYTES, SECRET_HEADER, Unreachable
from sandbox.telegram import TelegramSandbox
from tests.contract.test_telegram_story import PlainSessions, Script, running

SECRET = "made-up_secret"


@dataclass(frozen=True, slots=True)
class Door:
    """A served webhook and what stands on both sides of it."""

    sandbox: TelegramSandbox
    script: Script
    url: str
    http: aiohttp.ClientSession


class OpenPace:
    """No limit at all."""

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Every message may go."""

    async def pause(self, seconds: float) -> None:
        """Nothing asks for silence here."""


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[Door]:
    """Telegram, a channel in webhook mode and the app that serves its route."""
    async with TelegramSandbox() as sandbox, aiohttp.ClientSession() as http:
        app = web.Application()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        url = f"http://127.0.0.1:{port}{WEBHOOK_PATH}"
        channel = TelegramChannel(
            script,
            PlainSessions(),
            token=sandbox.token,
            api_base=sandbox.api_base,
            mode=Mode.WEBHOOK,
            webhook_url=url,
            webhook_secret=SECRET,
            pace=OpenPace(),
            unreachable=Unreachable(first_s=0.01, last_s=0.05),
        )
        app.add_routes(channel.routes())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with running(channel):
                await sandbox.wait_calls("setWebhook", 1)
                yield Door(sandbox, script, url, http)
        finally:
            await runner.cleanup()


def update_from(door: Door, update_id: int, words: str) -> dict[str, object]:
    """An update as Telegram writes it."""
    tenant = door.sandbox.user(7)
    base = {"message_id": 1, "date": 1, "chat": tenant.screen.chat, "from": tenant.as_json}
    return {"update_id": update_id, "message": {**base, "text": words}}


async def test_updates_are_pushed_and_answered() -> None:
    """Telegram pushes with the secret that the channel set, and people get their answers in order."""
    async with served(Script()) as door:
        tenant = door.sandbox.user(7)
        for words in ("one", "two", "three"):
            await tenant.say(words)
        await tenant.wait_message(lambda m: m.text == "heard three")
        await door.sandbox.wait_confirmed()
        assert tenant.screen.texts == ["heard one", "heard two", "heard three"]
        assert door.sandbox.webhook == {"url": door.url, "secret": SECRET}


@pytest.mark.parametrize(
    ("secret", "status"), [(None, 401), ("", 401), ("wrong", 403), (SECRET + "x", 403), ("\u00fc", 403)]
)
async def test_without_the_secret_nobody_is_heard(secret: str | None, status: int) -> None:
    """A4: a delivery without the secret or with another one is refused and nothing is said."""
    async with served(Script()) as door:
        headers = {} if secret is None else {SECRET_HEADER: secret}
        async with door.http.post(door.url, json=update_from(door, 1, "forged"), headers=headers) as response:
            assert response.status == status
        tenant = door.sandbox.user(7)
        await tenant.say("true")
        await tenant.wait_message(lambda m: m.text == "heard true")
        assert [heard.text for heard in door.script.heard] == ["true"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b'{"update_id": "x"}', 400),
        (b'{"update_id": 1}', 200),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
    ids=["cut", "deep", "no text", "no number", "nothing in it", "too long"],
)
async def test_odd_bodies_are_refused_within_bounds(body: bytes, status: int) -> None:
    """F14: a body that is cut, deep, no text or too long has a clear answer and harms nobody."""
    async with served(Script()) as door:
        async with door.http.post(door.url, data=body, headers={SECRET_HEADER: SECRET}) as response:
            assert response.status == status
        tenant = door.sandbox.user(7)
        await tenant.say("still here")
        await tenant.wait_message(lambda m: m.text == "heard still here")


async def test_the_same_update_a_hundred_times_at_once_is_answered_once() -> None:
    """F8: copies that arrive together are answered once."""
    async with served(Script()) as door:
        update = update_from(door, 77, "copy")
        posts = (door.sandbox.post_webhook(door.http, update, secret=SECRET) for _ in range(100))
        assert set(await asyncio.gather(*posts)) == {200}
        await door.sandbox.user(7).wait_message(lambda m: m.text == "heard copy")
        assert len(door.script.heard) == 1


async def test_a_chat_that_floods_is_told_to_come_back() -> None:
    """Y3: a chat's queue has a size; what finds no room is brought again by Telegram, and then it is heard."""
    script = Script()
    script.gate.clear()
    async with served(script) as door:
        first = asyncio.create_task(door.sandbox.post_webhook(door.http, update_from(door, 100, "slow"), secret=SECRET))
        updates = [update_from(door, 101 + number, f"m{number}") for number in range(40)]
        posts = [asyncio.create_task(door.sandbox.post_webhook(door.http, u, secret=SECRET)) for u in updates]
        done, waiting = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result() for task in done} == {503}
        for task in (first, *waiting):
            task.cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        script.gate.set()
        assert len(script.heard) <= 20
