"""Gateways to measure against, in a process of their own, so that their CPU is not counted as ours.

One transaction is on a bus at a time and takes as long as 9600 baud says. When this process sends a reply late, because
a timer is coarse or the machine is busy, the next request counts as if it had come that much earlier: what is measured
is the master, and never the stand-in. `python -m bench._gateways SPEC` prints its ports; when its standard input ends
it prints what it has answered, and ends.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import cast

from pymodbus.framer.rtu import FramerRTU

from sandbox.meters_timing import frame_s

_HEAD = struct.Struct(">HHHB")
_READ = struct.Struct(">BHH")
_VALUES = struct.Struct(">IIHHHHH")
RTU_READ = 8
RTU_LONG_WRITE_HEAD = 9
READ_HOLDING = 3
READ_COILS = 1
WRITE_COIL = 5
COIL_ON = 0xFF00
MAINS_DV = 2_300
MAINS_CHZ = 5_000
LOAD_W = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What to simulate."""

    gateways: int
    meters: int = 32
    baud: int = 9600
    form: str = "8N1"
    turnaround_s: float = 0.03
    rtu: bool = False
    silent: tuple[int, ...] = ()
    window_s: float = 60.0
    """Replies are counted for so long from the first request of each bus on."""
    gateway_timeout_s: float = 1.0
    """A Modbus TCP gateway holds its bus this long for a meter that does not answer. A transparent one does not."""

    @classmethod
    def parse(cls, text: str) -> Spec:
        """From the command line."""
        values = json.loads(text)
        return cls(**{**values, "silent": tuple(values["silent"])})

    def text(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    def transaction_s(self, request_bytes: int, reply_bytes: int) -> float:
        """One transaction; lengths are those of the PDUs."""
        there, back = frame_s(request_bytes, self.baud, self.form), frame_s(reply_bytes, self.baud, self.form)
        return there + self.turnaround_s + back


@dataclass(slots=True)
class _Meter:
    """Answers reads of up to 125 registers at 0, and a coil at 0 that is its relay."""

    on: bool = True
    energy: int = 0

    def answer(self, pdu: bytes) -> bytes:
        function, address, count = _READ.unpack_from(pdu)
        if function == READ_HOLDING:
            self.energy += 1
            values = _VALUES.pack(self.energy, 0, MAINS_DV, LOAD_W // 2, LOAD_W * self.on, MAINS_CHZ, int(self.on))
            image = values.ljust(250, b"\0")
            return bytes((function, 2 * count)) + image[2 * address : 2 * (address + count)]
        if function == READ_COILS:
            return bytes((function, 1, int(self.on)))
        if function == WRITE_COIL:
            self.on = count == COIL_ON
            return pdu[:5]
        return bytes((function | 0x80, 1))


@dataclass(slots=True)
class _Bus:
    """One bus: who waits for it, and until when it is taken, in the time of a stand-in that is never late."""

    spec: Spec
    loop: asyncio.AbstractEventLoop
    meters: dict[int, _Meter]
    free_at: float = 0.0
    late_s: float = 0.0
    waiting: deque[tuple[_Connection, bytes, int, bytes, float]] = field(default_factory=deque)
    taken: bool = False
    first_at: float | None = None
    reads: int = 0
    seen: set[int] = field(default_factory=set)

    def asked(self, connection: _Connection, head: bytes, unit: int, pdu: bytes) -> None:
        arrived = self.loop.time() - self.late_s
        self.first_at = arrived if self.first_at is None else self.first_at
        self.waiting.append((connection, head, unit, pdu, arrived))
        if not self.taken:
            self._next()

    def _next(self) -> None:
        self.taken = bool(self.waiting)
        if not self.taken:
            return
        connection, head, unit, pdu, arrived = self.waiting.popleft()
        since = max(arrived, self.free_at)
        meter = self.meters.get(unit)
        reply = meter.answer(pdu) if meter is not None else None
        if reply is not None:
            until = since + self.spec.transaction_s(len(pdu), len(reply))
        elif self.spec.rtu:
            until = since + frame_s(len(pdu), self.spec.baud, self.spec.form)
        else:
            until = since + self.spec.gateway_timeout_s
        self.free_at = until
        self.loop.call_at(until, self._done, connection, head, unit, reply)

    def _done(self, connection: _Connection, head: bytes, unit: int, reply: bytes | None) -> None:
        self.late_s = self.loop.time() - self.free_at
        if reply is not None:
            connection.send(head, unit, reply)
            self._count(unit, reply)
        self._next()

    def _count(self, unit: int, reply: bytes) -> None:
        if reply[0] == READ_HOLDING and self.first_at is not None and self.free_at < self.first_at + self.spec.window_s:
            self.reads += 1
            self.seen.add(unit)


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, bus: _Bus) -> None:
        self._bus = bus
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (cut := self._rtu() if self._bus.spec.rtu else self._mbap()) is not None:
            self._bus.asked(self, *cut)

    def send(self, head: bytes, unit: int, reply: bytes) -> None:
        if self._transport is None:
            return
        if self._bus.spec.rtu:
            body = bytes((unit,)) + reply
            self._transport.write(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
        else:
            self._transport.write(head + struct.pack(">HHB", 0, len(reply) + 1, unit) + reply)

    def _mbap(self) -> tuple[bytes, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < _HEAD.size or len(buffer) < (end := 6 + (buffer[4] << 8 | buffer[5])):
            return None
        cut = bytes(buffer[:2]), buffer[6], bytes(buffer[7:end])
        del buffer[:end]
        return cut

    def _rtu(self) -> tuple[bytes, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < RTU_READ:
            return None
        end = RTU_READ if buffer[1] not in (15, 16) else RTU_LONG_WRITE_HEAD + buffer[6]
        if len(buffer) < end:
            return None
        cut = b"", buffer[0], bytes(buffer[1 : end - 2])
        del buffer[:end]
        return cut


async def _serve(spec: Spec) -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    ports, buses = [], []
    for _ in range(spec.gateways):
        meters = {unit: _Meter() for unit in range(1, spec.meters + 1) if unit not in spec.silent}
        bus = _Bus(spec, loop, meters)
        buses.append(bus)
        server = await loop.create_server(lambda bus=bus: _Connection(bus), "127.0.0.1", 0)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    print(json.dumps([sum(bus.reads for bus in buses), sum(len(bus.seen) for bus in buses)]), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Spec.parse(sys.argv[1])))
