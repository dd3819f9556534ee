"""A server before a stand-in: lets calls through, or has one of a network's bad days with those that carry messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

import aiohttp
from aiohttp import web

PASSED_ON = ("Content-Type",)
STATUS = {"busy": 429, "busy_for_a_while": 429, "broken": 503}


class Weather(StrEnum):
    """What becomes of a message."""

    FINE = "fine"
    BUSY = "busy"
    BUSY_FOR_A_WHILE = "busy_for_a_while"
    BROKEN = "broken"
    SILENT = "silent"
    """No answer, and the message went nowhere."""
    ANSWER_LOST = "answer_lost"
    """No answer, and the message went through."""
    NOBODY_THERE = "nobody_there"


class Front:
    """The server. `upstream` is the stand-in; a call that carries a message has one of `marks` in path or body."""

    def __init__(self) -> None:
        self.upstream = ""
        self.marks: tuple[str, ...] = ("",)
        self.weather = Weather.FINE
        self.messages = 0
        """Messages that came as far as here."""
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._release = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where the channel thinks that its provider is."""
        return f"http://127.0.0.1:{self._port}"

    async def become(self, weather: Weather) -> None:
        """From now on."""
        self.weather = weather
        if weather is Weather.NOBODY_THERE:
            await self.close()
        elif self._runner is None:
            await self.open()

    async def open(self) -> None:
        """Listens, on the same port as before."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Listens no more, and every connection ends."""
        runner, session, self._runner, self._session = self._runner, self._session, None, None
        self._release.set()
        self._release = asyncio.Event()
        if session is not None:
            await session.close()
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not any(mark in request.path or mark.encode() in body for mark in self.marks):
            return await self._pass(request, body)
        self.messages += 1
        code = STATUS.get(self.weather)
        if code is not None:
            headers = {"Retry-After": "30"} if self.weather is Weather.BUSY_FOR_A_WHILE else {}
            answer: dict[str, object] = {"ok": False, "error_code": code, "description": "not now"}
            if headers:
                answer["parameters"] = {"retry_after": 30}
            return web.json_response(answer, status=code, headers=headers)
        if self.weather is Weather.SILENT:
            await self._release.wait()
        answered = await self._pass(request, body)
        if self.weather is Weather.ANSWER_LOST:
            await self._release.wait()
        return answered

    async def _pass(self, request: web.Request, body: bytes) -> web.Response:
        if self._session is None:
            return web.Response(status=503)
        headers = {name: value for name, value in request.headers.items() if name in PASSED_ON or name.startswith("X-")}
        async with self._session.request(
            request.method, self.upstream + request.path_qs, data=body, headers=headers
        ) as got:
            return web.Response(
                status=got.status, body=await got.read(), headers={"Content-Type": got.headers["Content-Type"]}
            )


@asynccontextmanager
async def in_front() -> AsyncIterator[Front]:
    """One server."""
    front = Front()
    await front.open()
    try:
        yield front
    finally:
        await front.close()
