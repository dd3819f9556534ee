"""The transport under the Telegram library: bounded, and silent about the URL, which holds the token."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from telegram.error import NetworkError, TelegramError, TimedOut

from bot.channels.telegram_request import MAX_ANSWER_BYTES, AiohttpRequest, Flooded
from sandbox.telegram import TOKEN, TelegramSandbox


@pytest.fixture
async def request_() -> AsyncIterator[AiohttpRequest]:
    """An open transport."""
    async with AiohttpRequest(timeout_s=0.3) as transport:
        yield transport


async def test_no_error_holds_the_url(request_: AiohttpRequest) -> None:
    """A7: a refused connection, a bad address and a silent server are named by their kind alone."""
    async with TelegramSandbox() as sandbox:
        sandbox.fail("getMe", 0)
        silent = f"{sandbox.api_base}/bot{TOKEN}/getMe"
        with pytest.raises(TimedOut) as timed_out:
            await request_.post(silent)
    errors: list[TelegramError] = [timed_out.value]
    for url in (silent, f"http://127.0.0.1:99999/bot{TOKEN}/getMe", f"bot{TOKEN}"):
        with pytest.raises(NetworkError) as failed:
            await request_.post(url)
        errors.append(failed.value)
    for error in errors:
        assert error.__context__ is None
        assert TOKEN.split(":")[1] not in "".join(traceback.format_exception(error)) + repr(error)


@asynccontextmanager
async def served(body: bytes, *, status: int) -> AsyncIterator[str]:
    """A server that always gives this answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    async with TestServer(_app(answer)) as server:
        yield str(server.make_url("/"))


def _app(answer: Callable[[web.Request], Awaitable[web.Response]]) -> web.Application:
    app = web.Application()
    app.router.add_post("/", answer)
    return app


@pytest.mark.parametrize(
    ("body", "seconds"), [(b'{"parameters": {"retry_after": 7}}', 7), (b"busy", 1), (b'{"parameters": {}}', 1)]
)
async def test_a_flood_warning_says_how_long(request_: AiohttpRequest, body: bytes, seconds: int) -> None:
    """A 429 carries its seconds; one without any counts for a second."""
    async with served(body, status=429) as url:
        with pytest.raises(Flooded) as flooded:
            await request_.post(url)
    assert flooded.value.retry_after_s == seconds


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"x" * (MAX_ANSWER_BYTES + 1)], ids=["html", "list", "too long"])
async def test_an_odd_answer_is_trouble_of_the_network(request_: AiohttpRequest, body: bytes) -> None:
    """Y3: an answer that is no Bot API answer, or too long for one, is refused within bounds."""
    async with served(body, status=200) as url:
        with pytest.raises(NetworkError):
            await request_.post(url, read_timeout=5)
