"""A bus behind a unit that calls: its owner waits for the call, reads and switches through it, and survives its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from meters.links.dial_in import DialIn
from meters.links.opening import Ways
from meters.owner import Owner
from tests.fakes.calling_unit import gateway, open_door
from tests.fakes.field import QUICK, Field, running_field


@asynccontextmanager
async def bridged(door: DialIn, port: int) -> AsyncIterator[None]:
    """A DTU that calls the door and speaks for the simulated bus at `port`; it calls again when it is hung up on."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)

    async def call() -> None:
        while True:
            near, far = [await asyncio.open_connection("127.0.0.1", each) for each in (door.ports[0], port)]
            near[1].write(b"REG:dtu\r\n")
            pumps = [asyncio.create_task(pump(near[0], far[1])), asyncio.create_task(pump(far[0], near[1]))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in pumps:
                    each.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                near[1].transport.abort()
                far[1].transport.abort()

    task = asyncio.create_task(call())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def owner_of(field: Field, door: DialIn) -> Owner:
    """A real owner for the unit that calls."""

    async def ours() -> bool:
        return True

    return Owner(
        field.business,
        field.gateway,
        calls=field.calls(),
        settings=replace(QUICK, reply_timeout_s=1.0),
        may_send=lambda: True,
        still_ours=ours,
        ways=Ways(door=door),
    )


async def test_a_unit_that_calls_is_a_bus_like_any() -> None:
    """S1, S4 (F31): lost until it calls; then read and switched; hung up on, it calls again and all goes on."""
    known = gateway("dtu")
    async with running_field(units=2, framing="rtu") as field, open_door(known) as door:
        field.gateway = known
        task = asyncio.create_task(owner_of(field, door).run())
        try:
            await field.until(lambda: "lost" in field.links)
            async with bridged(door, field.sandbox.port):
                await field.until(lambda: "found" in field.links)
                generation = await field.want("m1", on=False)
                await field.until(lambda: ("m1", generation, False) in field.records)
                assert not field.sandbox.meter(1).relay_closed
                (await door.link(known.id, timeout_s=5)).close()
                generation = await field.want("m1", on=True)
                await field.until(lambda: ("m1", generation, True) in field.records)
                assert field.sandbox.meter(1).relay_closed
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
