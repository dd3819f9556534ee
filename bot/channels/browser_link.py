"""One WebSocket of the chat page. Both queues are bounded: who reads too slowly is cut off and comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from prepaid.domain.errors import Trouble

MAX_MESSAGE_BYTES = 8 * 1024
OUT_QUEUE = 256
IN_QUEUE = 16
STATUS_EVERY_S = 1.0
STATUS_WITHIN_S = 5.0

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]
State = Callable[[], Awaitable[Mapping[str, Any]]]

_log = structlog.get_logger()


class Link:
    """Reads, answers one message at a time, writes, and pushes the supply's state when it changes."""

    def __init__(self, socket: web.WebSocketResponse, handler: Handler) -> None:
        self._socket = socket
        self._handler = handler
        self._out: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(OUT_QUEUE)
        self._in: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(IN_QUEUE)
        self._slow = asyncio.Event()

    def push(self, data: Mapping[str, Any]) -> None:
        """Queues for sending; a page that does not keep up is disconnected and replays the history when it returns."""
        try:
            self._out.put_nowait(data)
        except asyncio.QueueFull:
            self._slow.set()

    async def run(self, state: State | None) -> None:
        """Serves until the page goes or falls behind."""
        jobs = [self._read(), self._answer(), self._write(), self._slow.wait()]
        if state is not None:
            jobs.append(self._watch(state))
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.close(WSCloseCode.TRY_AGAIN_LATER if self._slow.is_set() else WSCloseCode.OK)
        for task in done:
            task.result()

    async def close(self, code: WSCloseCode) -> None:
        """Closes the socket; harmless when it is closed already."""
        await self._socket.close(code=code)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                break
            data = _mapping(message.data)
            if data is None:
                continue
            try:
                self._in.put_nowait(data)
            except asyncio.QueueFull:
                self.push({"type": "too_fast"})

    async def _answer(self) -> None:
        while True:
            await self._handler(await self._in.get())

    async def _write(self) -> None:
        try:
            while True:
                data = await self._out.get()
                await self._socket.send_str(json.dumps(data, ensure_ascii=False))
        except (ClientConnectionResetError, ConnectionResetError):
            return

    async def _watch(self, state: State) -> None:
        shown: Mapping[str, Any] | None = None
        while True:
            seen = await self._seen(state, shown)
            if seen is not None and seen != shown:
                shown = seen
                self.push({"type": "status", "status": seen})
            await asyncio.sleep(STATUS_EVERY_S)

    async def _seen(self, state: State, shown: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The state now; trouble leaves the lamp as it was, and is logged once when it begins."""
        try:
            async with asyncio.timeout(STATUS_WITHIN_S):
                return dict(await state())
        except (Trouble, TimeoutError) as trouble:
            _log.debug("status_unknown", trouble=str(trouble))
            return shown


def _mapping(text: str) -> Mapping[str, Any] | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
