"""From the order to the read-back of a relay on a bus that is polled without a pause, with 2 dead meters of 32.

The minimum is physics: half of the poll that is on the wire, the write, and its read-back. Beside it, in the same
minute, a first-in-first-out queue: a task for each meter on one pymodbus client.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from bench._frame import Limit, percentile
from bench._gateways import Spec
from bench._masters import (
    BIT_REPLY_BYTES,
    READ_BYTES,
    REGISTERS,
    REPLY_BYTES,
    WRITE_BYTES,
    Heard,
    bench_profile,
    bus_of,
    gateways,
    running,
)
from bench._peers import FREE_TRY_S, quiet_client
from meters.bus import Bus
from prepaid.domain.errors import InvariantBroken, Trouble

GATEWAYS = 5
DEAD = (7, 19)
WARM_UP_S = 5.0
WINDOW_S = 60.0
PAUSE_S = (0.4, 1.6)
"""Between two orders on one bus, at random, so that they meet the poll on the wire at any point."""
TTL_S = 30.0

LIMITS: Mapping[str, Limit] = {"p95_over_minimum": Limit("<=", 1.6)}

SPEC = Spec(gateways=GATEWAYS, silent=DEAD)
Switch = Callable[[int, bool], Awaitable[bool]]
"""Switches a unit; returns what the relay says."""


async def run() -> Mapping[str, int | float]:
    """Measures ours and the queue side by side."""
    ours, fifo = await asyncio.gather(_ours(), _fifo())
    if not ours or not fifo:
        raise InvariantBroken("no relay was switched")
    p95 = percentile(ours, 0.95)
    return {
        "orders": len(ours),
        "p50_ms": round(percentile(ours, 0.50), 1),
        "p95_ms": round(p95, 1),
        "minimum_ms": round(minimum_ms(SPEC), 1),
        "p95_over_minimum": round(p95 / minimum_ms(SPEC), 3),
        "fifo_orders": len(fifo),
        "fifo_p50_ms": round(percentile(fifo, 0.50), 1),
        "fifo_p95_ms": round(percentile(fifo, 0.95), 1),
    }


def minimum_ms(spec: Spec) -> float:
    """On the average of all instants at which an order may come."""
    poll_s = spec.transaction_s(READ_BYTES, REPLY_BYTES)
    write_s = spec.transaction_s(WRITE_BYTES, WRITE_BYTES)
    return 1000 * (poll_s / 2 + write_s + spec.transaction_s(READ_BYTES, BIT_REPLY_BYTES))


async def _ours() -> list[float]:
    async with gateways(SPEC) as stand_ins:
        buses = [bus_of(number, port, Heard(), rtu=False, meters=32) for number, port in enumerate(stand_ins.ports)]
        async with running(buses):
            await asyncio.sleep(WARM_UP_S)
            took = await asyncio.gather(*(_orders(_switch(bus), number) for number, bus in enumerate(buses)))
    return [each for times in took for each in times]


def _switch(bus: Bus) -> Switch:
    relay = bench_profile().relay
    if relay is None:
        raise InvariantBroken("the profile has no relay")

    async def right() -> bool:
        return True

    async def switch(unit: int, on: bool) -> bool:
        expires_at = asyncio.get_running_loop().time() + TTL_S
        back = relay.read_back.request
        reply = await bus.switch(unit, relay.request(on=on), back, settle_s=0, expires_at=expires_at, last_look=right)
        return relay.read_back.state_in(reply) is on

    return switch


async def _orders(switch: Switch, seed: int) -> list[float]:
    """Orders for the living meters of one bus at random; milliseconds of those that were read back as ordered."""
    chance, took = random.Random(seed), []
    units: Sequence[int] = [unit for unit in range(1, SPEC.meters + 1) if unit not in DEAD]
    end = time.monotonic() + WINDOW_S
    while time.monotonic() < end:
        unit, on, since = chance.choice(units), chance.random() < 0.5, time.perf_counter()
        with suppress(Trouble, ModbusException):
            if await switch(unit, on):
                took.append(1000 * (time.perf_counter() - since))
        await asyncio.sleep(chance.uniform(*PAUSE_S))
    return took


async def _fifo() -> list[float]:
    async with gateways(SPEC) as stand_ins:
        took = await asyncio.gather(*(_fifo_bus(port, seed) for seed, port in enumerate(stand_ins.ports)))
    return [each for times in took for each in times]


async def _fifo_bus(port: int, seed: int) -> list[float]:
    client = quiet_client(port)
    await client.connect()
    polls = [asyncio.create_task(_poll(client, unit)) for unit in range(1, SPEC.meters + 1)]

    async def switch(unit: int, on: bool) -> bool:
        written = await client.write_coil(0, on, device_id=unit)
        reply = await client.read_coils(0, count=1, device_id=unit)
        return not written.isError() and not reply.isError() and reply.bits[0] is on

    try:
        await asyncio.sleep(WARM_UP_S)
        return await _orders(switch, seed)
    finally:
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        client.close()


async def _poll(client: AsyncModbusTcpClient, unit: int) -> None:
    while True:
        try:
            await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
        except ModbusException:
            await asyncio.sleep(FREE_TRY_S)
