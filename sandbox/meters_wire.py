"""The gateway's side of both framings: requests cut out of a stream, replies put into frames or spoilt on purpose."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pymodbus.framer.rtu import FramerRTU

from meters.links import requests
from sandbox.meters_faults import Faults

Framing = Literal["mbap", "rtu"]
_HEAD = struct.Struct(">HHHB")
_SHORT_REQUEST = 8
_CRC_BYTES = 2
_LONG_WRITE_HEAD = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    transaction: int
    unit: int
    pdu: bytes


def cut_mbap(buffer: bytearray) -> Iterator[Asked]:
    """Whole MBAP requests; what is not whole yet stays in the buffer."""
    while len(buffer) >= _HEAD.size:
        transaction, _, length, unit = _HEAD.unpack_from(buffer)
        end = 6 + length
        if len(buffer) < end:
            return
        pdu = bytes(buffer[_HEAD.size : end])
        del buffer[:end]
        yield Asked(transaction, unit, pdu)


def cut_rtu(buffer: bytearray) -> Iterator[Asked]:
    """Whole RTU requests; a wrong CRC empties the buffer, as a meter that waits for silence would."""
    while len(buffer) >= _SHORT_REQUEST:
        length = buffer[6] + _LONG_WRITE_HEAD + _CRC_BYTES if buffer[1] == requests.WRITE_REGISTERS else _SHORT_REQUEST
        if len(buffer) < length:
            return
        frame = bytes(buffer[:length])
        del buffer[:length]
        if frame != _with_crc(frame[:-_CRC_BYTES]):
            buffer.clear()
            return
        yield Asked(0, frame[0], frame[1:-_CRC_BYTES])


NOISE = b"\x00\xff\x55noise"


def put(framing: Framing, asked: Asked, unit: int, pdu: bytes, *, garbled: bool) -> bytes:
    """A reply on the wire."""
    if framing == "mbap":
        return _HEAD.pack(asked.transaction, 0, len(pdu) + 1, unit) + pdu
    frame = _with_crc(bytes((unit,)) + pdu)
    return frame[:-1] + bytes((frame[-1] ^ 0xFF,)) if garbled else frame


def spoil(faults: Faults, asked: Asked, pdu: bytes) -> tuple[int, bytes]:
    """Unit and PDU of the reply as the fault makes them."""
    unit = asked.unit + 1 if faults.wrong_unit else asked.unit
    if faults.wrong_function:
        pdu = bytes((pdu[0] ^ 7,)) + pdu[1:]
    if faults.wrong_length:
        pdu = bytes((pdu[0], max(0, pdu[1] - 2))) + pdu[2:-2]
    if faults.wrong_echo:
        pdu = pdu[:2] + bytes((pdu[2] ^ 1,)) + pdu[3:]
    return unit, pdu


def _with_crc(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(_CRC_BYTES, "big")
