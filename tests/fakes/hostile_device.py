"""A meter behind a hostile wire: it knows its own truth, and each fault says what becomes of its replies.

Every register says which unit and address it belongs to, so data of another request is seen at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from meters.links.crc import with_crc

Framing = Literal["mbap", "rtu"]
Answer = Sequence[tuple[float, bytes]]
"""Pauses in seconds, each with the bytes that follow it."""
RELAY = 0x1A
WRITE_REGISTERS = 16
LATE_S = 0.09
LAG_S = 0.03


def value(unit: int, address: int) -> int:
    """What the register of that unit says, and no other."""
    return (unit * 7919 + address * 31) & 0xFFFF


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on the wire."""

    framing: Framing
    transaction: int
    unit: int
    pdu: bytes

    def frame(self, pdu: bytes, *, unit: int | None = None, transaction: int | None = None) -> bytes:
        """A reply to it, or one that pretends to be."""
        unit = self.unit if unit is None else unit
        if self.framing == "rtu":
            return with_crc(bytes((unit,)) + pdu)
        number = self.transaction if transaction is None else transaction
        return number.to_bytes(2, "big") + bytes(2) + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu

    def broken(self, pdu: bytes) -> bytes:
        """A reply with a wrong checksum, or under another transaction."""
        if self.framing == "mbap":
            return self.frame(pdu, transaction=(self.transaction + 7) & 0xFFFF)
        frame = self.frame(pdu)
        return frame[:-1] + bytes((frame[-1] ^ 0x10,))


@dataclass(slots=True)
class HostileDevice:
    """All units of a bus. While `fault` is set, it spoils what would have been answered."""

    framing: Framing
    fault: str = ""
    relay: dict[int, bool] = field(default_factory=dict)
    writes: int = 0
    connections: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _pending: set[asyncio.Task[None]] = field(default_factory=set)
    _bus: asyncio.Lock = field(default_factory=asyncio.Lock)

    def feed(self, data: bytes, send: Callable[[bytes], None], drop: Callable[[], None]) -> None:
        """Bytes came in; replies go out when their time has come."""
        self._buffer += data
        while (asked := self._cut()) is not None:
            if self.fault == "the gateway reboots":
                self._buffer.clear()
                drop()
                return
            task = asyncio.ensure_future(self._send(self.answer(asked), send))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    def answer(self, asked: Asked) -> Answer:
        """What goes out for a request."""
        good = self.truth(asked)
        spoil = FAULTS.get(self.fault)
        return [(0.0, asked.frame(good))] if spoil is None else spoil(asked, good)

    def _cut(self) -> Asked | None:
        buffer = self._buffer
        if self.framing == "mbap":
            end = 6 + int.from_bytes(buffer[4:6], "big") if len(buffer) >= 8 else 8
            if len(buffer) < end:
                return None
            asked = Asked("mbap", int.from_bytes(buffer[:2], "big"), buffer[6], bytes(buffer[7:end]))
        else:
            long = len(buffer) >= 8 and buffer[1] == WRITE_REGISTERS
            end = 9 + buffer[6] if long else 8
            if len(buffer) < end:
                return None
            asked = Asked("rtu", 0, buffer[0], bytes(buffer[1 : end - 2]))
        del buffer[:end]
        return asked

    def truth(self, asked: Asked) -> bytes:
        """What the device itself says, after it did what it was told."""
        pdu, address = asked.pdu, int.from_bytes(asked.pdu[1:3], "big")
        if pdu[0] == WRITE_REGISTERS:
            self._switch(asked.unit, on=pdu[-1] == 1)
            return pdu[:5]
        count = int.from_bytes(pdu[3:5], "big")
        words = [self._word(asked.unit, at) for at in range(address, address + count)]
        return bytes((pdu[0], 2 * count)) + b"".join(word.to_bytes(2, "big") for word in words)

    def _word(self, unit: int, address: int) -> int:
        return int(self.relay.get(unit, True)) if address == RELAY else value(unit, address)

    def _switch(self, unit: int, *, on: bool) -> None:
        self.writes += 1
        if self.fault in REFUSES or self.fault == "a stuck relay":
            return
        if self.fault == "a lagging relay":
            asyncio.get_running_loop().call_later(LAG_S, self._move, unit, on, self.writes)
        else:
            self.relay[unit] = on

    async def _send(self, answer: Answer, send: Callable[[bytes], None]) -> None:
        async with self._bus:  # One frame after the other, as on a real bus: a late one makes the next one late.
            for pause_s, data in answer:
                if pause_s:
                    await asyncio.sleep(pause_s)
                send(data)

    def _move(self, unit: int, on: bool, order: int) -> None:
        if order == self.writes:  # A newer order wins.
            self.relay[unit] = on


def _now(data: bytes) -> Answer:
    return [(0.0, data)]


def _merged(asked: Asked, good: bytes) -> bytes:
    """Frames of a neighbour and of another transaction, glued before the reply."""
    return asked.frame(good, unit=asked.unit + 1) + asked.broken(good) + asked.frame(good)


def _collision(asked: Asked, good: bytes) -> bytes:
    """Two meters at one address speak at once: the bytes are of both."""
    one, other = asked.frame(good), asked.frame(good[:-1] + bytes((good[-1] ^ 0xFF,)))
    mixed = bytes(left | right for left, right in zip(one, other, strict=True))
    return mixed if asked.framing == "rtu" else b""


Spoil = Callable[[Asked, bytes], Answer]
REFUSES = frozenset({"F24 silence", "F28 busy", "F28 no answer behind the gateway"})
"""Faults under which the device itself hears nothing."""
FAULTS: Mapping[str, Spoil] = {
    "F24 silence": lambda _asked, _good: [],
    "F25 a late reply": lambda asked, good: [(LATE_S, asked.frame(good))],
    "F26 another unit": lambda asked, good: _now(asked.frame(good, unit=asked.unit + 1)),
    "F26 another function": lambda asked, good: _now(asked.frame(bytes((good[0] ^ 7,)) + good[1:])),
    "F26 too short": lambda asked, good: _now(asked.frame(bytes((good[0], max(0, good[1] - 2))) + good[2:-2])),
    "F26 too long": lambda asked, good: _now(asked.frame(bytes((good[0], good[1] + 2)) + good[2:] + b"\0\1")),
    "F26 another echo": lambda asked, good: _now(
        asked.frame(good[:-1] + bytes((good[-1] ^ 1,)) if good[0] == WRITE_REGISTERS else good)
    ),
    "F27 a wrong checksum or transaction": lambda asked, good: _now(asked.broken(good)),
    "F27 noise before the reply": lambda asked, good: _now(b"\xff\x00\x01HB" + asked.frame(good)),
    "F27 half a frame": lambda asked, good: _now(asked.frame(good)[: len(good) // 2 + 1]),
    "F27 single bytes": lambda asked, good: [(0.0005, bytes((byte,))) for byte in asked.frame(good)],
    "F27 merged frames": lambda asked, good: _now(_merged(asked, good)),
    "F27 a lying byte count": lambda asked, good: _now(asked.frame(bytes((good[0], good[1] ^ 4)) + good[2:])),
    "F28 busy": lambda asked, _good: _now(asked.frame(bytes((asked.pdu[0] | 0x80, 6)))),
    "F28 no answer behind the gateway": lambda asked, _good: _now(asked.frame(bytes((asked.pdu[0] | 0x80, 0x0B)))),
    "F30 two meters at one address": lambda asked, good: _now(_collision(asked, good)),
}
EVERY_FAULT = (*FAULTS, "a stuck relay", "a lagging relay", "the gateway reboots")
"""The last two kinds are F29 and F31."""
