"""A hundred units that call, lose, delay, cut and garble, polled at a gentle pace; what is believed is checked."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from meters.links import requests
from meters.links.dial_in import DialIn, DoorSettings
from meters.links.errors import LinkDown
from meters.links.link import Link
from prepaid.domain.errors import Trouble
from tests.fakes.calling_unit import gateway, open_door
from tests.fakes.hostile_device import RELAY, WRITE_REGISTERS, Asked, HostileDevice, value

METERS = 8
COUNT = 10
TIMEOUT_S = 0.25
PAUSE_S = 0.1
"""Between two questions to one unit: the mix is about what is believed, not about speed."""
BEATS = (b"HB", b"\xfe\xfe")


@dataclass(slots=True)
class Tally:
    """What came of it."""

    good: int = 0
    acked: int = 0
    wrong: int = 0
    false_acks: int = 0
    failed: int = 0
    calls: int = 0
    injected: Counter[str] = field(default_factory=Counter)


class MixUnit(HostileDevice):
    """A unit whose replies meet with a fault now and then."""

    def __init__(self, number: int, tally: Tally, chance: random.Random) -> None:
        super().__init__("rtu")
        self._number = number
        self._tally = tally
        self._chance = chance
        self._beat = BEATS[number % 2]
        self.writer: asyncio.StreamWriter | None = None

    def answer(self, asked: Asked) -> list[tuple[float, bytes]]:
        """The truth, and what becomes of it on its way."""
        good = self.truth(asked)
        frame, at = asked.frame(good), self._chance.random()
        for until, name in _RATES:
            if at < until:
                self._tally.injected[name] += 1
                return self._spoilt(name, frame, asked.broken(good))
        return [(0.0, frame)]

    def _spoilt(self, name: str, frame: bytes, broken: bytes) -> list[tuple[float, bytes]]:
        half = self._chance.randrange(1, len(frame) - 1)
        noise = self._chance.randbytes(3)
        if name == "cut" and self.writer is not None:
            self.writer.transport.abort()
        return {
            "drop": [],
            "cut": [],
            "late": [(TIMEOUT_S * self._chance.uniform(1.05, 1.9), frame)],
            "split": [(0.0, frame[:half]), (0.01, frame[half:])],
            "beat within": [(0.0, frame[:half]), (0.01, self._beat + frame[half:])],
            "beat before": [(0.0, self._beat + frame)],
            "beat behind": [(0.0, frame + self._beat)],
            "noise": [(0.0, noise + frame)],
            "checksum": [(0.0, broken)],
        }[name]

    async def call(self, port: int) -> None:
        """Calls, and calls again when it is cut off."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.writer = writer
            self._tally.calls += 1
            beats = asyncio.create_task(self._beats(writer))
            try:
                await self._talk(reader, writer)
            except ConnectionError:
                pass
            finally:
                beats.cancel()
                writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = b"REG:u%d\r\n" % self._number
        writer.write(hello[:4])
        await asyncio.sleep(0.01)
        writer.write(hello[4:])
        while data := await reader.read(512):
            self.feed(data, writer.write, writer.transport.abort)

    async def _beats(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.3, 0.9))
            writer.write(self._beat)


_SHARES = {
    "drop": 0.01,
    "late": 0.02,
    "split": 0.02,
    "beat within": 0.01,
    "beat before": 0.05,
    "beat behind": 0.03,
    "noise": 0.01,
    "checksum": 0.01,
    "cut": 0.0005,
}
_RATES: list[tuple[float, str]] = []
for _name, _share in _SHARES.items():
    _RATES.append(((_RATES[-1][0] if _RATES else 0.0) + _share, _name))


async def run_mix(*, units: int, seconds: float, seed: int = 7) -> Tally:
    """Polls them all for so long. One question in twenty is a write."""
    tally, chance = Tally(), random.Random(seed)
    known = [gateway(f"u{number}") for number in range(units)]
    devices = [MixUnit(number, tally, chance) for number in range(units)]
    async with open_door(*known, settings=DoorSettings(calls_per_minute=100_000)) as door:
        calls = [asyncio.create_task(device.call(door.ports[0])) for device in devices]
        masters = [
            asyncio.create_task(_poll(door, device, number, tally, chance)) for number, device in enumerate(devices)
        ]
        done, _ = await asyncio.wait([*calls, *masters], timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in [*calls, *masters]:
            task.cancel()
        await asyncio.gather(*calls, *masters, return_exceptions=True)
        for task in done:
            task.result()
    return tally


async def _poll(door: DialIn, device: MixUnit, number: int, tally: Tally, chance: random.Random) -> None:
    while True:
        try:
            link = await door.link(f"g-u{number}", timeout_s=5)
        except LinkDown:
            continue
        while not link.closed.is_set():
            await asyncio.sleep(PAUSE_S * chance.uniform(0.5, 1.5))
            meters = [meter for meter in range(1, METERS + 1) if not link.tainted(meter)]
            if meters:
                await _ask(link, device, chance.choice(meters), tally, chance)


async def _ask(link: Link, device: MixUnit, meter: int, tally: Tally, chance: random.Random) -> None:
    try:
        if chance.random() < 0.05:
            on = chance.random() < 0.5
            await link.ask(meter, requests.write(WRITE_REGISTERS, RELAY, [int(on)]), timeout_s=TIMEOUT_S)
            tally.acked += 1
            tally.false_acks += device.relay.get(meter, True) is not on
            return
        address = RELAY + 1 + chance.randrange(200)
        reply = await link.ask(meter, requests.read(requests.READ_HOLDING, address, COUNT), timeout_s=TIMEOUT_S)
    except Trouble:
        tally.failed += 1
        return
    right = requests.words(reply) == tuple(value(meter, at) for at in range(address, address + COUNT))
    tally.good += right
    tally.wrong += not right
