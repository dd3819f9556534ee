"""Every fault of the field on every transport: no wrong reading, no falsely confirmed switch, and back in no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from meters.links import requests
from meters.links.link import Link
from prepaid.domain.errors import Refused, Trouble
from tests.fakes.hostile_device import EVERY_FAULT, RELAY, value
from tests.fakes.wires import EVERY_TRANSPORT, Wire, wire_for

UNIT, COUNT = 5, 10
SHORT_S = 0.06
LONG_S = 2.0
QUIET_S = 0.15
BACK_WITHIN_S = 5.0
READ_BACK = requests.read(requests.READ_HOLDING, RELAY, 1)


@dataclass(slots=True)
class Master:
    """Asks as the owner of a bus does: one thing at a time, over a new link when the old one is gone."""

    wire: Wire
    current: Link | None = None
    good: int = 0
    confirmed: int = 0

    async def link(self) -> Link:
        """The link in use."""
        if self.current is None or self.current.closed.is_set():
            self.current = await self.wire.link()
            self.current._quiet_s = QUIET_S
        return self.current

    async def read(self, address: int, *, timeout_s: float) -> bool:
        """True for a right reading, False for trouble; a wrong one fails the test."""
        request = requests.read(requests.READ_HOLDING, address, COUNT)
        try:
            reply = await (await self.link()).ask(UNIT, request, timeout_s=timeout_s)
        except Trouble:
            return False
        assert requests.words(reply) == tuple(value(UNIT, at) for at in range(address, address + COUNT))
        self.good += 1
        return True

    async def switch(self, *, on: bool, timeout_s: float) -> bool:
        """Writes once, reads back; True only when the relay itself says so, which then must be the truth (S4)."""
        request = requests.write(requests.WRITE_REGISTERS, RELAY, [int(on)])
        writes = self.wire.device.writes
        try:
            await (await self.link()).ask(UNIT, request, timeout_s=timeout_s)
        except Refused:
            return False
        except Trouble:
            pass
        assert self.wire.device.writes - writes <= 1, "a write was repeated"
        try:
            back = requests.words(await (await self.link()).ask(UNIT, READ_BACK, timeout_s=timeout_s))
        except Trouble:
            return False
        if back != (int(on),):
            return False
        assert self.wire.device.relay.get(UNIT, True) is on, "falsely confirmed"
        self.confirmed += 1
        return True


@asynccontextmanager
async def master_of(transport: str, folder: Path) -> AsyncIterator[Master]:
    """A master on a wire of its own."""
    wire = wire_for(transport, folder)
    await wire.start()
    master = Master(wire)
    try:
        yield master
    finally:
        if master.current is not None:
            master.current.close()
        await wire.stop()


async def suffer(master: Master, fault: str) -> None:
    """Reads and switches while the fault lasts, and is well again when it is over."""
    await master.read(0x100, timeout_s=LONG_S)
    master.wire.device.fault = fault
    # Equal shapes, other addresses: a reply of one would pass for the other if only its shape were looked at.
    for address in (0x110, 0x120):
        await master.read(address, timeout_s=SHORT_S)
    await master.switch(on=False, timeout_s=SHORT_S)
    await master.switch(on=True, timeout_s=SHORT_S)
    master.wire.device.fault = ""
    async with asyncio.timeout(BACK_WITHIN_S):
        while not await master.read(0x130, timeout_s=LONG_S):
            continue
        while not await master.switch(on=False, timeout_s=LONG_S):
            continue
    assert master.wire.device.relay[UNIT] is False


async def judged(transport: str, folder: Path, fault: str) -> str:
    """What went wrong under the fault; empty when nothing did."""
    try:
        async with master_of(transport, folder) as master:
            await suffer(master, fault)
    except (AssertionError, TimeoutError) as wrong:
        return f"{fault}: {wrong!r}"
    return ""


@pytest.mark.parametrize("transport", EVERY_TRANSPORT)
async def test_no_fault_gives_a_wrong_reading_or_a_false_confirmation(transport: str, tmp_path: Path) -> None:
    """S4, S5, S11 (F24 to F31): while a fault lasts nothing wrong is believed; once it is over all is well in seconds.

    Each fault has a wire of its own, and all of them run side by side.
    """
    wrong = await asyncio.gather(*(judged(transport, tmp_path, fault) for fault in EVERY_FAULT))
    assert [each for each in wrong if each] == []
