"""A device that dials in, as 4G meters and DTUs do: it connects out, says who it is, and answers RTU frames.

Heartbeats go out whenever they are due, in the middle of a reply if need be, because that is what real ones do.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal, cast

from sandbox.meters import NUMBERS, SandboxGateway
from sandbox.meters_wire import cut_rtu

RETRY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialIn:
    """How the device announces itself."""

    registration: bytes
    says: Literal["once", "every_packet"] = "once"
    heartbeat: bytes = b""
    heartbeat_s: float = 30.0


class SandboxDialIn:
    """A bus behind a DTU. `start` dials and goes on dialling until `stop`."""

    def __init__(self, gateway: SandboxGateway, host: str, port: int, settings: DialIn) -> None:
        self.gateway = gateway
        self.settings = settings
        self.dialled = 0
        self.connected = asyncio.Event()
        self._where = host, port
        self._task: asyncio.Task[None] | None = None
        self._line: _Line | None = None

    def start(self) -> None:
        """Begins to dial."""
        self.gateway.power_up()
        self._task = asyncio.create_task(self._dial())

    async def stop(self) -> None:
        """Hangs up for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.hang_up()

    def hang_up(self) -> None:
        """The connection drops; the device dials again soon."""
        if self._line is not None:
            self._line.drop()

    def beat(self) -> None:
        """A heartbeat right now."""
        if self._line is not None:
            self._line.write(self.settings.heartbeat)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError):
                _, line = await loop.create_connection(lambda: _Line(self), *self._where)
                self.dialled += 1
                self._line = line
                self.connected.set()
                await self._talk(line)
            self.connected.clear()
            self._line = None
            await asyncio.sleep(RETRY_S)

    async def _talk(self, line: _Line) -> None:
        """Until the connection is gone."""
        line.write(self.settings.registration)
        while not line.gone.is_set():
            try:
                async with asyncio.timeout(self.settings.heartbeat_s):
                    await line.gone.wait()
            except TimeoutError:
                line.write(self.settings.heartbeat)


class _Line(asyncio.Protocol):
    """The connection of a device that dialled in."""

    def __init__(self, owner: SandboxDialIn) -> None:
        self.number = next(NUMBERS)
        self.gone = asyncio.Event()
        self._owner = owner
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for asked in cut_rtu(self._buffer):
            self._owner.gateway.received(self, asked)

    def send(self, frame: bytes) -> None:
        """A reply, as the DTU wraps it."""
        settings = self._owner.settings
        self.write(settings.registration + frame if settings.says == "every_packet" else frame)

    def write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
