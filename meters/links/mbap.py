"""Modbus TCP framing. A transaction id tells replies apart: the head of the one good reply is known beforehand."""

from __future__ import annotations

import struct

from meters.links.link import Link, Waiting

_HEAD = struct.Struct(">HHHB")
HEAD_BYTES = _HEAD.size
_LAST_ID = 0xFFFF
EXCEPTION_BYTES = 2


class MbapLink(Link):
    """A link with MBAP frames."""

    _transaction = 0

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """A frame under a new transaction id."""
        self._transaction = self._transaction % _LAST_ID + 1
        return _HEAD.pack(self._transaction, 0, len(pdu) + 1, unit) + pdu

    def whole(self, waiting: Waiting, data: bytes) -> bytes | None:
        """By its exact head and length."""
        head, length = waiting.request.reply_head, len(data) - HEAD_BYTES
        if length != waiting.request.reply_bytes or not data.startswith(head, HEAD_BYTES):
            return None
        right = (self._transaction, 0, length + 1, waiting.unit)
        return data[HEAD_BYTES:] if _HEAD.unpack_from(data) == right else None

    def take(self, waiting: Waiting | None) -> bytes | None:
        """Looks for the exact head: transaction, length, unit, function and byte count (or the whole echo)."""
        if waiting is None:
            self.skip(len(self._buffer))
            return None
        request = waiting.request
        reply = self._find(waiting.unit, request.reply_head, request.reply_bytes)
        return reply or self._find(waiting.unit, request.exception_head, EXCEPTION_BYTES)

    def _find(self, unit: int, head: bytes, length: int) -> bytes | None:
        at = self._buffer.find(_HEAD.pack(self._transaction, 0, length + 1, unit) + head)
        end = at + HEAD_BYTES + length
        if at < 0 or len(self._buffer) < end:
            return None
        pdu = bytes(self._buffer[at + HEAD_BYTES : end])
        self.skip(at)
        del self._buffer[: end - at]
        return pdu
