"""RTU on a connection that a transparent unit has made to us, with its heartbeats and registrations in the stream.

What stands before or behind a reply is skipped by the strict link anyway. Only what cuts a reply in two has to be taken
out, and only if the frame is right without it: a reply may well contain the bytes of a heartbeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meters.links.link import Waiting
from meters.links.rtu import RtuLink

QUIET_S = 5.0
"""Replies over a mobile network may be this late."""
MOST_CUTS = 8
"""Places that are tried in one go; noise that looks like heartbeats must not cost more than it is worth."""


class DtuLink(RtuLink):
    """A link that finds a reply even with one of `strays` in its midst."""

    def __init__(self, strays: Sequence[bytes] = (), *, quiet_s: float = QUIET_S) -> None:
        super().__init__(quiet_s=quiet_s)
        self._strays = tuple(stray for stray in strays if stray)

    def _cut_out(self, waiting: Waiting) -> bytes | None:
        pdu = super()._cut_out(waiting)
        if pdu is not None:
            return pdu
        whole = self._buffer
        for at, length in self._cuts(whole):
            self._buffer = whole[:at] + whole[at + length :]
            pdu = super()._cut_out(waiting)
            if pdu is not None:
                self.counts.skipped_bytes += length
                return pdu
        self._buffer = whole
        return None

    def _cuts(self, whole: bytearray) -> Iterator[tuple[int, int]]:
        """Where something stands that may not belong there."""
        left = MOST_CUTS
        for stray in self._strays:
            at = whole.find(stray)
            while at >= 0 and left:
                yield at, len(stray)
                left -= 1
                at = whole.find(stray, at + 1)
