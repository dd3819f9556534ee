"""Requests and the one shape of reply that each of them may have.

pymodbus encodes the request; the shape of the reply is kept beside it, because pymodbus's own client accepts replies of
another function, another length and another echo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

READ_COILS = 1
READ_HOLDING = 3
READ_INPUT = 4
WRITE_COIL = 5
WRITE_REGISTER = 6
WRITE_REGISTERS = 16
EXCEPTION_BIT = 0x80
ECHO_BYTES = 5
"""Function, address and value or count: the length of every write's reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A PDU and what its reply must begin with and how long it must be (without unit, CRC or header)."""

    pdu: bytes
    reply_head: bytes
    """Function and byte count of a read, the whole echo of a write."""
    reply_bytes: int
    writes: bool

    @property
    def exception_head(self) -> bytes:
        """How an exception reply begins."""
        return bytes((self.pdu[0] | EXCEPTION_BIT,))


def _pdu(message: ModbusPDU) -> bytes:
    return bytes((message.function_code,)) + message.encode()


def _read(message: ModbusPDU, data_bytes: int) -> Request:
    pdu = _pdu(message)
    return Request(pdu=pdu, reply_head=bytes((pdu[0], data_bytes)), reply_bytes=2 + data_bytes, writes=False)


def _write(message: ModbusPDU) -> Request:
    pdu = _pdu(message)
    return Request(pdu=pdu, reply_head=pdu[:ECHO_BYTES], reply_bytes=ECHO_BYTES, writes=True)


@lru_cache(maxsize=512)
def read(function: int, address: int, count: int) -> Request:
    """Reads `count` registers (functions 3 and 4) or coils (function 1) from the wire address `address`."""
    if function == READ_COILS:
        return _read(ReadCoilsRequest(address=address, count=count), (count + 7) // 8)
    kind = {READ_HOLDING: ReadHoldingRegistersRequest, READ_INPUT: ReadInputRegistersRequest}[function]
    return _read(kind(address=address, count=count), 2 * count)


def write(function: int, address: int, values: Sequence[int]) -> Request:
    """Writes registers (16), one register (6) or one coil (5, on for any value but 0)."""
    if function == WRITE_COIL:
        return _write(WriteSingleCoilRequest(address=address, bits=[bool(values[0])]))
    if function == WRITE_REGISTER:
        return _write(WriteSingleRegisterRequest(address=address, registers=list(values)))
    return _write(WriteMultipleRegistersRequest(address=address, count=len(values), registers=list(values)))


def words(reply: bytes) -> tuple[int, ...]:
    """The registers of a read's reply."""
    return tuple(int.from_bytes(reply[at : at + 2], "big") for at in range(2, len(reply), 2))


def bits(reply: bytes, count: int) -> tuple[int, ...]:
    """The coils of a read's reply, lowest address first."""
    return tuple(reply[2 + at // 8] >> at % 8 & 1 for at in range(count))
