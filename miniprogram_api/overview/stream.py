"""Sends a browser its news as server-sent events, for as long as it takes them and may have them (Y3, F37)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from miniprogram_api.overview.clients import AGAIN, BEAT, OVER, RETRY_MS, Client
from prepaid.domain.errors import Refused, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """How streams are kept."""

    beat_s: float = 15.0
    """A sign of life when there is no news; then the session is looked at as well."""
    write_s: float = 10.0
    """A browser that does not take what it is sent for so long is let go."""
    buffer_bytes: int = 16 * 1024
    """What the connection may hold back for a browser before we wait for it."""

    async def send(
        self, request: web.Request, client: Client, still: Callable[[], Awaitable[bool]], headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Until the client's last word, its end, or that of its rights; `still` says whether they are as they were."""
        answer = web.StreamResponse(headers={**headers, "Content-Type": "text/event-stream; charset=utf-8"})
        answer.headers["X-Accel-Buffering"] = "no"
        await answer.prepare(request)
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=self.buffer_bytes)
        with suppress(ConnectionError):  # It has gone: there is nobody to tell.
            await self._write(request, answer, f"retry: {RETRY_MS}\n\n".encode())
            while not (client.ended and client.waiting == 0):
                news = await client.next(self.beat_s)
                if news is None:
                    news = BEAT
                    await self._check(client, still)
                await self._write(request, answer, news)
        return answer

    async def _check(self, client: Client, still: Callable[[], Awaitable[bool]]) -> None:
        """A store in trouble is no reason to send somebody away."""
        try:
            if not await still():
                client.end(AGAIN)
        except Refused:
            client.end(OVER)
        except Trouble:
            return

    async def _write(self, request: web.Request, answer: web.StreamResponse, news: bytes) -> None:
        try:
            async with asyncio.timeout(self.write_s):
                await answer.write(news)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from None
