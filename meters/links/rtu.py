"""Modbus RTU framing over a stream. Without a transaction id, late replies are known and dropped by their shape."""

from __future__ import annotations

from dataclasses import dataclass

from meters.links.crc import crc16, with_crc
from meters.links.link import Link, Waiting
from meters.links.requests import Request

__all__ = ["RtuLink", "with_crc"]

EXCEPTION_BYTES = 2
CRC_BYTES = 2


@dataclass(frozen=True, slots=True)
class _Late:
    """A request whose reply may still come, and until when it is waited for."""

    waiting: Waiting
    until: float


class RtuLink(Link):
    """A link with RTU frames."""

    def __init__(self, *, quiet_s: float = 2.0) -> None:
        super().__init__(quiet_s=quiet_s)
        self._late: dict[int, _Late] = {}

    def frame(self, unit: int, request: Request) -> bytes:
        """Unit, PDU and CRC."""
        return with_crc(bytes((unit,)) + request.pdu)

    def tainted(self, unit: int) -> float:
        """Until the late reply was dropped or the quiet time has passed."""
        late = self._late.get(unit)
        if late is None:
            return 0.0
        left_s = late.until - self._loop.time()
        if left_s <= 0:
            del self._late[unit]
        return max(0.0, left_s)

    def hold_s(self, unit: int) -> float:
        """While it is tainted."""
        return self.tainted(unit) if self._late else 0.0

    def taint(self, waiting: Waiting) -> None:
        """From now on a frame of this shape is the late reply."""
        self._late[waiting.unit] = _Late(waiting, self._loop.time() + self._quiet_s)

    def whole(self, waiting: Waiting, data: bytes) -> bytes | None:
        """By its unit, head, length and checksum, unless a late reply may look like it."""
        length = waiting.request.reply_bytes + 1 + CRC_BYTES
        if self._late or len(data) != length or data[0] != waiting.unit:
            return None
        right = data.startswith(waiting.request.reply_head, 1) and not crc16(data)
        return data[1:-CRC_BYTES] if right else None

    def take(self, waiting: Waiting | None) -> bytes | None:
        """Drops late replies whole first, so that nothing inside one can pass for a frame; then looks for the reply."""
        for unit, late in list(self._late.items()):
            if self._cut_out(late.waiting) is not None:
                del self._late[unit]
                self.counts.late += 1
        if waiting is not None:
            return self._cut_out(waiting)
        if not self._late:
            self.skip(len(self._buffer))
        return None

    def _cut_out(self, waiting: Waiting) -> bytes | None:
        unit, request = bytes((waiting.unit,)), waiting.request
        reply = self._find(unit + request.reply_head, request.reply_bytes + 1)
        return reply or self._find(unit + request.exception_head, EXCEPTION_BYTES + 1)

    def _find(self, head: bytes, length: int) -> bytes | None:
        """The PDU of the first frame with this head, this length and a right CRC."""
        buffer, at = self._buffer, self._buffer.find(head)
        while at >= 0 and at + length + CRC_BYTES <= len(buffer):
            end = at + length + CRC_BYTES
            if not crc16(buffer[at:end]):  # A frame with its own checksum behind it has the checksum 0.
                pdu = bytes(buffer[at + 1 : at + length])
                del buffer[at:end]
                return pdu
            at = buffer.find(head, at + 1)
        return None
