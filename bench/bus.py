"""How much of what RS485 can carry the bus owners use: ten buses of 32 meters, all alive, and with two silent ones.

9600 baud 8N1, 60 registers a read, meters that think for 30 ms. The limit is physics: reads a second that fit on the
buses when nothing but healthy meters is asked. Both cases start cold and are measured from the first second on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from bench import _peers
from bench._frame import Limit
from bench._gateways import Spec
from bench._masters import READ_BYTES, REPLY_BYTES, Heard, bus_of, gateways, running

GATEWAYS = 10
METERS = 32
SILENT = (7, 19)
WINDOW_S = 60.0

LIMITS: Mapping[str, Limit] = {"share_all_alive": Limit(">=", 0.97), "share_two_silent": Limit(">=", 0.93)}
TAKES_PEERS = True

ALIVE = Spec(gateways=GATEWAYS, meters=METERS)
TWO_SILENT = Spec(gateways=GATEWAYS, meters=METERS, silent=SILENT)
TWO_SILENT_RTU = Spec(gateways=GATEWAYS, meters=METERS, silent=SILENT, rtu=True)

Master = Callable[[Sequence[int], Spec, float], Awaitable[tuple[int, int] | None]]
"""Polls the gateways for so many seconds. Returns its good reads and the healthy meters that it has read at least once;
None lets the gateways count what they answered, from the first request on."""


async def run(*, peers: bool = False) -> Mapping[str, int | float]:
    """Measures; the cases run side by side, so that what disturbs one disturbs all."""
    (alive, _), (silent, seen), (silent_rtu, seen_rtu) = await asyncio.gather(
        _case(ours, ALIVE), _case(ours, TWO_SILENT), _case(ours, TWO_SILENT_RTU)
    )
    figures: dict[str, int | float] = {
        "share_all_alive": alive,
        "share_two_silent": silent,
        "healthy": GATEWAYS * (METERS - len(SILENT)),
        "healthy_seen": seen,
        "share_two_silent_rtu": silent_rtu,
        "healthy_seen_rtu": seen_rtu,
        "limit_reads_s": round(GATEWAYS * limit_reads_s(ALIVE), 2),
    }
    if peers:
        figures |= await _beside()
    return figures


def limit_reads_s(spec: Spec) -> float:
    """What one bus can carry."""
    return 1 / spec.transaction_s(READ_BYTES, REPLY_BYTES)


async def ours(ports: Sequence[int], spec: Spec, window_s: float) -> tuple[int, int]:
    """The product's bus owners."""
    heard = [Heard() for _ in ports]
    buses = [bus_of(number, port, heard[number], rtu=spec.rtu, meters=spec.meters) for number, port in enumerate(ports)]
    async with running(buses):
        await asyncio.sleep(window_s)
        return sum(each.polls for each in heard), sum(len(each.units) for each in heard)


async def _case(master: Master, spec: Spec) -> tuple[float, int]:
    async with gateways(spec) as stand_ins:
        counted = await master(stand_ins.ports, spec, WINDOW_S)
    reads, seen = counted or (stand_ins.reads, stand_ins.seen)
    return round(reads / WINDOW_S / (spec.gateways * limit_reads_s(spec)), 4), seen


async def _beside() -> Mapping[str, int | float]:
    """The same two cases for others: a loop on pymodbus's client, and modpoll."""
    figures: dict[str, int | float] = {}
    async with AsyncExitStack() as stack:
        modpoll = await stack.enter_async_context(_peers.modpoll())
        for name, master in (("pymodbus", _peers.pymodbus_loop), ("modpoll", modpoll)):
            (alive, _), (silent, seen) = await asyncio.gather(_case(master, ALIVE), _case(master, TWO_SILENT))
            figures[f"{name}_share_all_alive"] = alive
            figures[f"{name}_share_two_silent"] = silent
            figures[f"{name}_healthy_seen"] = seen
    return figures
