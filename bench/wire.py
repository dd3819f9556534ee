"""Processor time of one read of 60 registers: our link and profile, a bare protocol without checks, pymodbus's client.

All three ask the same server, which has a process of its own, over as many connections, turn and turn about in one
run on one loop. The turns are short and each begins with another of the three, so that a slow moment of the machine
hits all; the ratio is the median of the rounds' ratios. Ours checks every reply and turns it into figures by a profile;
the bare one has a future and a timeout and only unpacks the registers; pymodbus hands over its registers as they are.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from pymodbus.client import AsyncModbusTcpClient

from bench._answering import REGISTERS
from bench._frame import Limit
from bench._masters import PROFILE, bench_profile
from meters.bus import Bus
from meters.lines import BusSettings
from meters.links import requests
from meters.links.link import Link
from meters.links.opening import opener
from meters.profile import Values
from prepaid.domain.metering import Gateway, Meter

CONNECTIONS = 32
READS = 20
ROUNDS = 100
WARM_ROUNDS = 10
TIMEOUT_S = 5.0
METERS = 32
IDLE_GATEWAYS = 100
PAGE_BYTES = 4096
HEAD_BYTES = 9

LIMITS: Mapping[str, Limit] = {"over_bare": Limit("<=", 1.6), "over_pymodbus": Limit("<=", 1.0)}

Turn = Callable[[], Awaitable[None]]
_BARE_HEAD = struct.Struct(">HHHBBHH")
_WORDS = struct.Struct(f">{REGISTERS}H")


async def run() -> Mapping[str, int | float]:
    """Medians of the rounds."""
    async with _server() as port, _ours(port) as ours, _bare(port) as bare, _pymodbus(port) as theirs:
        turns = {"ours": ours, "bare": bare, "pymodbus": theirs}
        took: dict[str, list[float]] = {name: [] for name in turns}
        order = list(turns)
        for number in range(WARM_ROUNDS + ROUNDS):
            order.append(order.pop(0))
            for name in order:
                spent_us = await _spent_us(turns[name])
                if number >= WARM_ROUNDS:
                    took[name].append(spent_us)
        idle_kb = await _kb_per_meter(port)
    cpu_us = {name: statistics.median(spent) for name, spent in took.items()}
    return {
        "cpu_us": round(cpu_us["ours"], 1),
        "bare_us": round(cpu_us["bare"], 1),
        "pymodbus_us": round(cpu_us["pymodbus"], 1),
        "over_bare": round(_ratio(took["ours"], took["bare"]), 2),
        "over_pymodbus": round(_ratio(took["ours"], took["pymodbus"]), 2),
        "kb_per_meter": round(idle_kb, 2),
    }


def _ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Round by round, so that a slow moment of the machine hits both."""
    return statistics.median(mine / other for mine, other in zip(ours, others, strict=True))


async def _spent_us(turn: Turn) -> float:
    """The collector is asked before each turn, so that nobody pays for what another left."""
    gc.collect()
    started = time.process_time()
    await turn()
    return 1e6 * (time.process_time() - started) / (CONNECTIONS * READS)


@asynccontextmanager
async def _server() -> AsyncIterator[int]:
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench._answering", stdin=pipe, stdout=pipe)
    if server.stdout is None or server.stdin is None:
        raise RuntimeError("the server has no pipes")
    try:
        yield int(await server.stdout.readline())
    finally:
        server.stdin.close()
        await server.wait()


@asynccontextmanager
async def _ours(port: int) -> AsyncIterator[Turn]:
    gateway = Gateway(id="g", site_id="s", transport="tcp", host="127.0.0.1", port=port)
    connect, profile = opener(gateway, timeout_s=TIMEOUT_S), bench_profile()
    links = [await connect() for _ in range(CONNECTIONS)]
    request = requests.read(requests.READ_HOLDING, 0, REGISTERS)

    async def reads(link: Link) -> None:
        for _ in range(READS):
            values = profile.understand([await link.ask(1, request, timeout_s=TIMEOUT_S)], 1)
        if values.billed != 2580:
            raise AssertionError("read wrongly")

    async def turn() -> None:
        await asyncio.gather(*(reads(link) for link in links))

    yield turn
    for link in links:
        link.close()


class _Bare(asyncio.Protocol):
    """What one writes in ten minutes: it believes whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._number = 0

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= HEAD_BYTES + 2 * REGISTERS:
            self._reply.set_result(_WORDS.unpack_from(self._buffer, HEAD_BYTES))
            self._buffer = b""

    async def read(self) -> tuple[int, ...]:
        self._number = (self._number + 1) & 0xFFFF
        self._reply: asyncio.Future[tuple[int, ...]] = self._loop.create_future()
        self.transport.write(_BARE_HEAD.pack(self._number, 0, 6, 1, 3, 0, REGISTERS))
        timer = self._loop.call_later(TIMEOUT_S, self._late)
        try:
            return await self._reply
        finally:
            timer.cancel()

    def _late(self) -> None:
        self._reply.set_exception(TimeoutError())


@asynccontextmanager
async def _bare(port: int) -> AsyncIterator[Turn]:
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(_Bare, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]

    async def reads(bare: _Bare) -> None:
        for _ in range(READS):
            await bare.read()

    async def turn() -> None:
        await asyncio.gather(*(reads(bare) for bare in made))

    yield turn
    for bare in made:
        bare.transport.close()


@asynccontextmanager
async def _pymodbus(port: int) -> AsyncIterator[Turn]:
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port, timeout=TIMEOUT_S) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.connect()

    async def reads(client: AsyncModbusTcpClient) -> None:
        for _ in range(READS):
            answer = await client.read_holding_registers(0, count=REGISTERS, device_id=1)
        if answer.isError() or len(answer.registers) != REGISTERS:
            raise AssertionError("read wrongly")

    async def turn() -> None:
        await asyncio.gather(*(reads(client) for client in clients))

    yield turn
    for client in clients:
        client.close()


class _Nobody:
    """Listens to a bus and does nothing."""

    def polled(self, meter_id: str, values: Values) -> None: ...
    def silent(self, meter_id: str) -> None: ...
    def swept(self) -> None: ...
    def lost(self) -> None: ...
    def found(self) -> None: ...


async def _kb_per_meter(port: int) -> float:
    """What a bus owner keeps for a meter that is not being read, its share of link and bus included."""
    gc.collect()
    before, tasks = _resident_bytes(), []
    for number in range(IDLE_GATEWAYS):
        gateway = Gateway(id=f"g{number}", site_id="s", transport="tcp", host="127.0.0.1", port=port)
        bus = Bus(
            gateway.id,
            opener(gateway, timeout_s=TIMEOUT_S),
            _Nobody(),
            settings=BusSettings(),
            may_send=lambda: False,
            profiles=bench_profile,
        )
        bus.set_meters(_meter(gateway.id, unit) for unit in range(1, METERS + 1))
        tasks.append(asyncio.create_task(bus.run()))
        await asyncio.sleep(0.005)
    gc.collect()
    grown = _resident_bytes() - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return grown / 1024 / (IDLE_GATEWAYS * METERS)


def _meter(gateway_id: str, unit: int) -> Meter:
    return Meter(
        id=f"{gateway_id}-{unit}", site_id="s", path=f"s/{unit}", gateway_id=gateway_id, unit=unit, profile=PROFILE
    )


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
