"""Brings updates in, by asking Telegram or by being told, and survives Telegram being away.

A call is confirmed only after its updates were handled, or after a short wait: a crash then costs an answer given
twice rather than a question lost.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import structlog
from aiohttp import web
from telegram.error import TelegramError

from bot.channels.telegram_bot import QuietBot
from bot.channels.telegram_request import Flooded
from bot.channels.webhook_body import read_body

HOLD_S = 5.0
"""How long a slow chat may hold back the confirmation of its batch."""
FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
MAX_BODY_BYTES = 256 * 1024
BODY_S = 10.0
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the header's name
_log = structlog.get_logger()
_T = TypeVar("_T")

Accept = Callable[[dict[str, Any]], "asyncio.Future[None] | None"]
"""Takes an update; the future ends when it was handled. None when there is no room for it now."""


class Unreachable:
    """Counts failures in a row, tells the log when that changes, and says how long to wait."""

    def __init__(self, *, first_s: float = FIRST_BACKOFF_S, last_s: float = LAST_BACKOFF_S) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._failures = 0

    def failed(self, error: TelegramError) -> float:
        """Notes a failure; returns the seconds to wait before the next try."""
        if self._failures == 0:
            _log.warning("telegram_lost", kind=type(error).__name__)
        self._failures += 1
        if isinstance(error, Flooded):
            return float(error.retry_after_s)
        return float(min(self._last_s, self._first_s * 2 ** min(self._failures - 1, 16)))

    def answered(self) -> None:
        """Notes an answer."""
        if self._failures:
            _log.info("telegram_back", failures=self._failures)
        self._failures = 0


async def unless(stop: asyncio.Event, work: Awaitable[_T]) -> _T | None:
    """The result of `work`, or None when `stop` came first; `work` is cancelled then."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for other in (task, stopping):
            other.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def persist(stop: asyncio.Event, unreachable: Unreachable, call: Callable[[], Awaitable[_T]]) -> _T | None:
    """Makes `call` until it answers or `stop` comes; waits longer after each failure, but never long."""
    while not stop.is_set():
        try:
            result = await unless(stop, call())
        except TelegramError as error:
            wait_s = unreachable.failed(error)
        else:
            unreachable.answered()
            return result
        await unless(stop, asyncio.sleep(wait_s))
    return None


async def poll(bot: QuietBot, accept: Accept, stop: asyncio.Event, unreachable: Unreachable, *, poll_s: int) -> None:
    """Long polling until `stop`."""
    offset = 0
    while not stop.is_set():
        updates = await persist(stop, unreachable, partial(bot.raw_updates, offset, poll_s=poll_s)) or []
        offset = max([offset, *(update["update_id"] + 1 for update in updates)])
        waiting = [done for update in updates if (done := accept(update)) is not None]
        if waiting:
            await unless(stop, asyncio.wait(waiting, timeout=HOLD_S))


class Webhook:
    """The route that Telegram posts to. Without the secret nothing is read."""

    def __init__(self, accept: Accept, secret: str, *, is_open: Callable[[], bool]) -> None:
        self._accept = accept
        self._secret = secret.encode()
        self._is_open = is_open

    async def handle(self, request: web.Request) -> web.Response:
        """Takes one update; 503 asks Telegram to bring it again."""
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._secret):
            return web.Response(status=403 if given else 401)
        if not self._is_open():
            return web.Response(status=503)
        update = _as_update(await read_body(request, most_bytes=MAX_BODY_BYTES, within_s=BODY_S))
        if update is None:
            return web.Response(status=400)
        return web.Response(status=await self._take(update))

    async def _take(self, update: dict[str, Any]) -> int:
        done = self._accept(update)
        if done is None:
            return 503
        await asyncio.wait({done}, timeout=HOLD_S)
        return 200


def _as_update(body: bytes) -> dict[str, Any] | None:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(update, dict) and isinstance(update.get("update_id"), int)
    return update if whole else None
