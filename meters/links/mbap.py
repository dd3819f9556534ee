"""Modbus TCP framing. A transaction id tells replies apart: the head of the one good reply is known beforehand."""

from __future__ import annotations

import struct

from meters.links.link import Link, Waiting
from meters.links.requests import Request

_HEAD = struct.Struct(">HHHB")
HEAD_BYTES = _HEAD.size
_LAST_ID = 0xFFFF
EXCEPTION_BYTES = 2


class MbapLink(Link):
    """A link with MBAP frames."""

    _transaction = 0
    _reply_head = b""
    """How the one good reply to the request in flight begins, from its transaction to its byte count or echo."""

    def frame(self, unit: int, request: Request) -> bytes:
        """A frame under a new transaction id."""
        self._transaction = number = self._transaction % _LAST_ID + 1
        self._reply_head = _HEAD.pack(number, 0, request.reply_bytes + 1, unit) + request.reply_head
        return _HEAD.pack(number, 0, len(request.pdu) + 1, unit) + request.pdu

    def whole(self, waiting: Waiting, data: bytes) -> bytes | None:
        """By its exact head and length."""
        if len(data) == HEAD_BYTES + waiting.request.reply_bytes and data.startswith(self._reply_head):
            return data[HEAD_BYTES:]
        return None

    def take(self, waiting: Waiting | None) -> bytes | None:
        """Looks for the exact head: transaction, length, unit, function and byte count (or the whole echo)."""
        if waiting is None:
            self.skip(len(self._buffer))
            return None
        request = waiting.request
        reply = self._find(self._reply_head, request.reply_bytes)
        if reply is not None:
            return reply
        head = _HEAD.pack(self._transaction, 0, EXCEPTION_BYTES + 1, waiting.unit) + request.exception_head
        return self._find(head, EXCEPTION_BYTES)

    def _find(self, head: bytes, length: int) -> bytes | None:
        at = self._buffer.find(head)
        end = at + HEAD_BYTES + length
        if at < 0 or len(self._buffer) < end:
            return None
        pdu = bytes(self._buffer[at + HEAD_BYTES : end])
        self.skip(at)
        del self._buffer[: end - at]
        return pdu
