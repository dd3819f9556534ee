"""A scripted person at the chat page's own socket: says, presses, waits for what is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Self

import aiohttp

Message = Mapping[str, Any]
Wanted = Callable[[Message], bool]


class ScriptedPerson:
    """One user of the chat page. Keeps every message, and hears edits as the page does."""

    def __init__(self, url: str, user: str) -> None:
        self._url = f"{url}/ws?user={user}"
        self._messages: dict[str, Message] = {}
        self._news = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(self._url)
        self._listener = asyncio.create_task(self._listen(self._socket))
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def say(self, words: str) -> None:
        """Types a line."""
        await self._send({"say": words})

    async def press(self, button: Mapping[str, Any]) -> None:
        """Presses a button that was shown."""
        await self._send({"press": button["action"], "label": button["label"]})

    async def pay(self, uri: str) -> None:
        """Presses "pay in the sandbox" under a payment code."""
        await self._send({"pay": uri})

    async def sees(self, wanted: Wanted, *, within_s: float) -> Message:
        """The first part, in any message there is or comes, that is wanted. Raises `TimeoutError`."""
        async with asyncio.timeout(within_s), self._news:
            while True:
                for message in self._messages.values():
                    for part in message["parts"]:
                        if message["from"] == "bot" and wanted(part):
                            return dict(part)
                await self._news.wait()

    def seen(self) -> list[str]:
        """All text parts so far."""
        parts = [part for message in self._messages.values() for part in message["parts"]]
        return [str(part["body"]) for part in parts if part["kind"] == "text"]

    def forget(self) -> None:
        """Lets only what comes from now on count."""
        self._messages.clear()

    async def _send(self, data: Mapping[str, Any]) -> None:
        if self._socket is None:
            raise RuntimeError("not connected")
        await self._socket.send_json(dict(data))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                await self._take(json.loads(frame.data))

    async def _take(self, data: Message) -> None:
        async with self._news:
            for message in data.get("history", []) if data["type"] == "hello" else [data.get("message")]:
                if message is not None:
                    self._messages[message["ref"]] = message
            self._news.notify_all()
