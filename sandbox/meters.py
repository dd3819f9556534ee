"""A communication unit with meters behind it, on a real socket: Modbus TCP or RTU over TCP, at the pace of a real bus.

A profile is enough to simulate a model. One transaction is on the bus at a time, and it takes as long as its baud rate
says, so that what is measured against it is measured against physics.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from meters.links.errors import GATEWAY_NO_ANSWER
from meters.profile import Profile
from sandbox.meters_device import Faults, SandboxBoard, SandboxMeter, refuse
from sandbox.meters_timing import frame_s, transaction_s
from sandbox.meters_wire import NOISE, Asked, Framing, cut_mbap, cut_rtu, put, spoil

__all__ = ["Faults", "SandboxBoard", "SandboxGateway", "SandboxMeter", "Wire", "transaction_s"]

QUEUED_REQUESTS = 32
BUSY = 6


@dataclass(slots=True)
class GatewayFaults:
    """What is wrong with the gateway itself."""

    connection_limit: int | None = None
    timeout_s: float = 1.0
    """How long a Modbus TCP gateway waits for a meter before it gives up."""
    black_hole: bool = False
    """Takes everything and answers nothing, as a router that forgot the connection."""


@dataclass(slots=True)
class BusCounts:
    """What the bus has carried."""

    transactions: int = 0
    busy_s: float = 0.0
    asked: list[tuple[int, bytes]] = field(default_factory=list)
    """Unit and PDU of the newest requests, oldest first."""
    spoke: list[int] = field(default_factory=list)
    """Who spoke on the bus, as numbers of connections, each run of one as one: a number twice is two masters."""


class Device(Protocol):
    """Anything that has an address on the bus."""

    faults: Faults

    @property
    def unit(self) -> int: ...
    @property
    def form(self) -> str: ...
    @property
    def turnaround_s(self) -> float: ...

    def answer(self, pdu: bytes) -> bytes: ...


class Wire(Protocol):
    """Where a reply goes: a connection that came in, one that went out, or a serial line."""

    @property
    def number(self) -> int: ...

    def send(self, frame: bytes) -> None: ...


NUMBERS = itertools.count(1)
"""No two wires have the same number."""


class SandboxGateway:
    """One gateway, one bus, some meters. `start` listens; faults may be set at any time.

    `add` hangs meters of other models, or a relay board, on the same bus.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        units: Sequence[int],
        baud: int = 9600,
        framing: Framing = "mbap",
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.profile = profile
        self.baud = baud
        self.framing: Framing = framing
        self.faults = GatewayFaults()
        self.counts = BusCounts()
        self.port = 0
        self._meters = {unit: SandboxMeter(profile, unit, speed=speed, monotonic=monotonic) for unit in units}
        self._devices: dict[int, Device] = dict(self._meters)
        self._host = "127.0.0.1"
        self._server: asyncio.Server | None = None
        self._bus: asyncio.Task[None] | None = None
        self._queue: asyncio.Queue[tuple[Wire, Asked]] = asyncio.Queue(QUEUED_REQUESTS)
        self._late: set[asyncio.TimerHandle] = set()
        self.connections: set[_Connection] = set()

    def meter(self, unit: int) -> SandboxMeter:
        """The meter at that address."""
        return self._meters[unit]

    @property
    def meters(self) -> tuple[SandboxMeter, ...]:
        """All of them, by address."""
        return tuple(self._meters.values())

    def add(self, device: SandboxMeter | SandboxBoard) -> None:
        """One more device on the bus, of whatever model."""
        self._devices[device.unit] = device
        if isinstance(device, SandboxMeter):
            self._meters[device.unit] = device

    def power_up(self) -> None:
        """The bus works; whoever is on the other side, such as a line or a dialled connection, may ask."""
        if self._bus is None:
            self._bus = asyncio.create_task(self._serve())

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens; returns the port."""
        self._host = host
        self.power_up()
        self.port = port
        await self.come_back()
        return self.port

    async def stop(self) -> None:
        """Closes everything."""
        await self.go_down()
        if self._bus is not None:
            self._bus.cancel()
            await asyncio.gather(self._bus, return_exceptions=True)
        for timer in self._late:
            timer.cancel()

    async def go_down(self) -> None:
        """The gateway loses power: connections drop and new ones are refused."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.drop()
        await self._server.wait_closed()
        self._server = None

    async def come_back(self) -> None:
        """It listens again, on the port it had."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def received(self, connection: Wire, asked: Asked) -> None:
        """A request waits for the bus; when too many wait, the gateway says that it is busy."""
        try:
            self._queue.put_nowait((connection, asked))
        except asyncio.QueueFull:
            self._send(connection, asked, asked.unit, refuse(asked.pdu[0], BUSY))

    async def _serve(self) -> None:
        while True:
            connection, asked = await self._queue.get()
            started = time.monotonic()
            self.counts.transactions += 1
            self.counts.asked.append((asked.unit, asked.pdu))
            del self.counts.asked[:-1000]
            if self.counts.spoke[-1:] != [connection.number]:
                self.counts.spoke.append(connection.number)
            await self._transact(connection, asked)
            self.counts.busy_s += time.monotonic() - started

    async def _transact(self, connection: Wire, asked: Asked) -> None:
        """One transaction: its request on the wire, the device's thought, its reply on the wire."""
        loop, device = asyncio.get_running_loop(), self._devices.get(asked.unit)
        form = device.form if device is not None else self.profile.serial.format
        at = loop.time() + frame_s(len(asked.pdu), self.baud, form)
        faults = device.faults if device is not None else Faults(no_path=True)
        if device is None or faults.silent or faults.no_path or self.faults.black_hole:
            await self._unanswered(connection, asked, faults)
            return
        at += (device.turnaround_s if self.baud else 0.0) + faults.slow_s
        await _sleep_until(at)
        pdu = device.answer(asked.pdu)
        if faults.exception_code is not None:
            pdu = refuse(asked.pdu[0], faults.exception_code)
        await _sleep_until(at + frame_s(len(pdu), self.baud, form))
        self._reply(connection, asked, pdu, faults)

    async def _unanswered(self, connection: Wire, asked: Asked, faults: Faults) -> None:
        # A Modbus TCP gateway holds the bus until it gives up; a transparent one has sent its bytes and is done.
        if self.framing == "mbap":
            await asyncio.sleep(self.faults.timeout_s)
            if faults.no_path and not self.faults.black_hole:
                self._send(connection, asked, asked.unit, refuse(asked.pdu[0], GATEWAY_NO_ANSWER))
        else:
            await asyncio.sleep(frame_s(len(asked.pdu), self.baud, self.profile.serial.format))
        faults.used()

    def _reply(self, connection: Wire, asked: Asked, pdu: bytes, faults: Faults) -> None:
        if faults.garbled_crc and self.framing == "mbap":
            return  # The gateway drops what it cannot check.
        unit, spoilt = spoil(faults, asked, pdu)
        garbled, late_s = faults.garbled_crc, faults.late_s
        odd = garbled or faults.noise or late_s or faults.slow_s or faults.exception_code is not None
        if faults.noise and self.framing == "rtu":
            connection.send(NOISE)
        if odd or (unit, spoilt) != (asked.unit, pdu):
            faults.used()
        if not late_s:
            self._send(connection, asked, unit, spoilt, garbled=garbled)
            return
        loop = asyncio.get_running_loop()
        self._late.add(loop.call_later(late_s, self._send, connection, asked, unit, spoilt))

    def _send(self, connection: Wire, asked: Asked, unit: int, pdu: bytes, *, garbled: bool = False) -> None:
        connection.send(put(self.framing, asked, unit, pdu, garbled=garbled))


class _Connection(asyncio.Protocol):
    """One client of a gateway."""

    def __init__(self, gateway: SandboxGateway) -> None:
        self._gateway = gateway
        self.number = next(NUMBERS)
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, base: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, but are not of its classes.
        transport = cast("asyncio.Transport", base)
        limit = self._gateway.faults.connection_limit
        if limit is not None and len(self._gateway.connections) >= limit:
            transport.abort()
            return
        self._transport = transport
        self._gateway.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._gateway.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        cut: Iterator[Asked] = (cut_mbap if self._gateway.framing == "mbap" else cut_rtu)(self._buffer)
        for asked in cut:
            self._gateway.received(self, asked)

    def send(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _sleep_until(at: float) -> None:
    left_s = at - asyncio.get_running_loop().time()
    if left_s > 0:
        await asyncio.sleep(left_s)
