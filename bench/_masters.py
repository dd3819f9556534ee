"""Our bus owners against simulated gateways, for the benchmarks of the field side."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from bench._gateways import Spec
from meters.bus import Bus
from meters.lines import BusSettings
from meters.links.opening import opener
from meters.profile import Profile, Values
from meters.profiles import parse_profile
from prepaid.domain.metering import Gateway, Meter

PROFILE = "bench_60"
REGISTERS = 60
READ_BYTES = 5
REPLY_BYTES = 2 + 2 * REGISTERS
WRITE_BYTES = 5
BIT_REPLY_BYTES = 3
REPLY_TIMEOUT_S = 1.2
"""What every master is given: just above the second that a gateway waits for a silent meter."""

PROFILE_YAML = """
name: bench_60
maker: chatwatt
model: 60 registers and a coil
sources: ["nobody makes it: it is the load of the benchmark"]
serial: {baud: 9600, format: 8N1, unit: 1}
max_registers: 125
turnaround_ms: 30
reads:
  - {function: 3, address: 0, count: 60}
registers:
  - {measures: energy_wh, address: 0, decode: u32, scale: 10}
  - {measures: energy_export_wh, address: 2, decode: u32, scale: 10}
  - {measures: voltage_mv, address: 4, decode: u16, scale: 100}
  - {measures: current_ma, address: 5, decode: u16, scale: 10}
  - {measures: power_w, address: 6, decode: u16, scale: 1}
  - {measures: frequency_mhz, address: 7, decode: u16, scale: 10}
relay:
  write: {function: 5, address: 0, closed: [1], open: [0]}
  read_back: {function: 1, address: 0, closed: 1, open: 0}
  settle_ms: 0
"""


@lru_cache(maxsize=1)
def bench_profile(name: str = PROFILE) -> Profile:
    """The model that all benchmarks of the field side read."""
    return parse_profile(PROFILE_YAML, name=name)


@dataclass(slots=True)
class StandIns:
    """Simulated gateways: their ports and, once they have ended, what they answered."""

    ports: Sequence[int]
    reads: int = 0
    seen: int = 0


@asynccontextmanager
async def gateways(spec: Spec) -> AsyncIterator[StandIns]:
    """Starts the stand-ins in a process of their own."""
    pipe = asyncio.subprocess.PIPE
    words = ("-m", "bench._gateways", spec.text())
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=pipe, stdout=pipe)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    try:
        async with asyncio.timeout(60):
            stand_ins = StandIns(json.loads(await process.stdout.readline()))
        yield stand_ins
    finally:
        process.stdin.close()
        if told := await process.stdout.read():
            stand_ins.reads, stand_ins.seen = json.loads(told)
        await process.wait()


@dataclass(slots=True)
class Heard:
    """Counts what one bus brings."""

    polls: int = 0
    units: set[str] = field(default_factory=set)

    def polled(self, meter_id: str, values: Values) -> None:
        """A meter was read."""
        del values
        self.polls += 1
        self.units.add(meter_id)

    def silent(self, meter_id: str) -> None:
        """Nothing to count."""

    def swept(self) -> None:
        """Nothing to count."""

    def lost(self) -> None:
        """Nothing to count."""

    def found(self) -> None:
        """Nothing to count."""


def meters_of(gateway_id: str, count: int, *, profile: str = PROFILE) -> tuple[Meter, ...]:
    """The meters on one bus, read without a pause."""
    return tuple(
        Meter(
            id=f"{gateway_id}-{unit}",
            site_id="bench",
            path=f"bench/{gateway_id}/{unit}",
            gateway_id=gateway_id,
            unit=unit,
            profile=profile,
            poll_every_s=0,
        )
        for unit in range(1, count + 1)
    )


def gateway_of(number: int, port: int, *, rtu: bool) -> Gateway:
    """One gateway as the business knows it."""
    transport = "rtu_tcp" if rtu else "tcp"
    return Gateway(id=f"g{number}", site_id="bench", transport=transport, host="127.0.0.1", port=port)


def settings_of(*, rtu: bool) -> BusSettings:
    """As a worker would choose them, but for the timeout that all masters share."""
    return BusSettings(reply_timeout_s=REPLY_TIMEOUT_S, shortest_timeout_s=0.3 if rtu else None)


def bus_of(number: int, port: int, heard: Heard, *, rtu: bool, meters: int) -> Bus:
    """A bus that is ready to run."""
    gateway, settings = gateway_of(number, port, rtu=rtu), settings_of(rtu=rtu)
    connect = opener(gateway, timeout_s=settings.connect_timeout_s)
    bus = Bus(gateway.id, connect, heard, settings=settings, may_send=lambda: True, profiles=bench_profile)
    bus.set_meters(meters_of(gateway.id, meters))
    return bus


@asynccontextmanager
async def running(buses: Sequence[Bus]) -> AsyncIterator[None]:
    """The buses at work."""
    tasks = [asyncio.create_task(bus.run()) for bus in buses]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
