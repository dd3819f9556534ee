"""A program of other people that stands in for the Bot API, telemelya, and what it needs beside Redis.

It keeps photographs in an S3 store, of which a few lines here are enough. It brings updates without the header that
Telegram sends with each, so a relay adds the secret that the channel has set. It has no `setMyCommands`, no
`sendDocument` and no groups: those are told by our own stricter stand-in.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.channels.telegram_intake import SECRET_HEADER
from chatwatt.embedded.ports import free_port
from tests.fakes.wechat_rig import served

PACKAGES = ("telemelya==0.2.2",)
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
SECRET = "made-up"
START_S, SEEN_S = 60.0, 30.0
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Telemelya:
    """The running program and one person's chat in it."""

    url: str
    key: str
    session: str
    chat: int
    http: aiohttp.ClientSession

    async def say(self, **update: str) -> None:
        """A command (`command`), words (`text`) or a pressed button (`callback_data`) of the person."""
        async with self._control("POST", "send_update", json={"chat_id": self.chat, **update}) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["delivery"]["status_code"] == 200

    async def wait(self, wanted: Callable[[Answer], bool]) -> Answer:
        """The next call of the bot that is wanted; those before it are passed over. Raises `TimeoutError`."""
        async with asyncio.timeout(SEEN_S):
            while True:
                async with self._control("GET", "responses/wait", params={"timeout": str(SEEN_S)}) as answer:
                    seen = (await answer.json())["response"]
                if seen is not None and wanted(seen):
                    return dict(seen)

    async def photo(self, file_id: str) -> bytes:
        """A photograph that the bot has sent."""
        async with self._control("GET", f"media/{file_id}") as answer:
            assert answer.status == 200
            return bytes(await answer.read())

    def _control(self, method: str, path: str, **more: Any) -> Any:
        params = {"session_id": self.session, "bot_token": TOKEN, **more.pop("params", {})}
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.http.request(method, f"{self.url}/api/v1/test/{path}", params=params, headers=headers, **more)


@asynccontextmanager
async def telemelya(folder: Path, redis_url: str) -> AsyncIterator[Telemelya]:
    """Starts it over a Redis and ends it."""
    port = free_port()
    key, chat = secrets.token_hex(8), secrets.randbelow(10**9) + 1
    async with served(_store()) as store, aiohttp.ClientSession() as http:
        settings = {
            "MOCK_SERVER_HOST": "127.0.0.1",
            "MOCK_SERVER_PORT": str(port),
            "REDIS_URL": redis_url,
            "MINIO_ENDPOINT": store.removeprefix("http://"),
            "AUTH_KEYS": key,
            "PYTHONPATH": str(folder),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "telemelya.server.app",
            env={**os.environ, **settings},
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            drain = asyncio.create_task(_drained(process, await _started(process)))
            yield Telemelya(f"http://127.0.0.1:{port}", key, secrets.token_hex(8), chat, http)
            drain.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def relay(target: Callable[[], str]) -> list[web.RouteDef]:
    """Adds Telegram's header to what telemelya brings, and hands it on."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {SECRET_HEADER: SECRET, "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http, http.post(target(), data=body, headers=headers) as answer:
            return web.Response(status=answer.status)

    return [web.post("/relay", handle)]


async def _started(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    """Reads its log until it listens."""
    log = process.stderr
    assert log is not None
    said = b""
    async with asyncio.timeout(START_S):
        while line := await log.readline():
            said += line
            if re.search(rb"Uvicorn running on", line):
                return log
    raise AssertionError(said.decode()[-2_000:])


async def _drained(process: asyncio.subprocess.Process, log: asyncio.StreamReader) -> None:
    """Reads on, so that it never waits for us."""
    while process.returncode is None and await log.read(65536):
        pass


def _store() -> list[web.RouteDef]:
    """As much of S3 as a bucket with a few pictures."""
    kept: dict[str, bytes] = {}

    async def put(request: web.Request) -> web.Response:
        kept[request.path] = await request.read()
        return web.Response(headers={"ETag": '"1"'})

    async def get(request: web.Request) -> web.Response:
        return web.Response(body=kept[request.path]) if request.path in kept else web.Response(status=404)

    return [web.put("/{path:.*}", put), web.get("/{path:.*}", get)]
