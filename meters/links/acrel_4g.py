"""Acrel's envelope of meters with their own 4G modem: `7B 7B | command | body | CRC | 7D 7D`, without escaping.

Facts: the open source EMS4J (github.com/jerryxiaosa/ems4j, HEAD 1ed7c67). 0x84 register, 0x94 heartbeat (no answer),
0x93 time, 0x91 upload, 0x90 a Modbus RTU frame in either direction. Bodies may hold the marks, so an envelope is one
only if its checksum is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from meters.links.crc import crc16, with_crc
from meters.links.dtu import QUIET_S
from meters.links.requests import Request
from meters.links.rtu import RtuLink

START, END = b"\x7b\x7b", b"\x7d\x7d"
REGISTER, UPLOAD, HEARTBEAT, TIME, DOWNLINK = 0x84, 0x91, 0x94, 0x93, 0x90
SERIAL_BYTES = 20
LONGEST = 512
"""An upload of eight rates has some 200 bytes."""
_SHORTEST = 7


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message."""

    command: int
    body: bytes


def put(command: int, body: bytes = b"") -> bytes:
    """A message on the wire."""
    return START + with_crc(bytes((command,)) + body) + END


def cut(buffer: bytearray) -> Iterator[Envelope]:
    """Whole messages out of a stream; what cannot become one is dropped, what may still become one stays."""
    start = buffer.find(START)
    while start >= 0:
        end = _end(buffer, start)
        if end is None:
            # A start mark may be noise, and a whole message stand behind it.
            start = buffer.find(START, start + 1)
            continue
        envelope = Envelope(buffer[start + 2], bytes(buffer[start + 3 : end - 4]))
        del buffer[:end]
        yield envelope
        start = buffer.find(START)
    first = buffer.find(START)
    del buffer[: max(len(buffer) - 1, 0) if first < 0 else first]
    del buffer[: max(len(buffer) - LONGEST, 0)]


def _end(buffer: bytearray, start: int) -> int | None:
    """Where the message that begins at `start` is over, if it is there in whole."""
    at = buffer.find(END, start + _SHORTEST - len(END), start + LONGEST)
    while at >= 0:
        if not crc16(buffer[start + len(START) : at]):
            return at + len(END)
        at = buffer.find(END, at + 1, start + LONGEST)
    return None


def serial_in(body: bytes) -> str:
    """The serial number that a registration begins with."""
    return body[:SERIAL_BYTES].strip(b"\0 ").decode("ascii", "replace")


def time_body(now: datetime) -> bytes:
    """Year, month, day, day of the week (Sunday is 0), hour, minute, second, in the meter's own time."""
    return bytes((now.year % 100, now.month, now.day, now.isoweekday() % 7, now.hour, now.minute, now.second))


class AcrelLink(RtuLink):
    """A link whose RTU frames travel in envelopes; `data_received` is given what is inside them."""

    def __init__(self, *, quiet_s: float = QUIET_S) -> None:
        super().__init__(quiet_s=quiet_s)

    def frame(self, unit: int, request: Request) -> bytes:
        """An RTU frame in its envelope."""
        return put(DOWNLINK, super().frame(unit, request))
