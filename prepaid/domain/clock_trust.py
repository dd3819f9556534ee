"""Whether the wall clock can be believed: a jump against the monotonic clock suspends cuts until it is steady (Y4).

Protected hours and notice periods are judged by the wall clock. When that was set by hand, came back from a suspended
machine or follows a broken time server, nothing tells which of the two instants was right; so nothing is cut off until
the clock has run evenly for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLEW_PPM = 1_000
"""Time servers pull a clock by up to 500 parts in a million; twice that is no jump."""
PPM = 1_000_000
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class ClockTrust:
    """One for each process. Ask `doubtful` with both clocks whenever a cut is thought of."""

    jump_s: int = 5
    """A wall clock that is further off than this has jumped."""
    steady_s: int = 600
    """It is believed again after running evenly for this long."""
    _offset_ms: int | None = None
    _at_ms: int = 0
    _doubtful_since_ms: int | None = None

    def doubtful(self, wall: datetime, monotonic_s: float) -> bool:
        """Whether the wall clock is doubted at this instant."""
        mono_ms = int(monotonic_s * 1000)
        offset_ms = (wall - EPOCH) // _MILLISECOND - mono_ms
        if abs(offset_ms - self._expected(offset_ms, mono_ms)) > self.jump_s * 1000:
            self._offset_ms, self._at_ms = offset_ms, mono_ms
            self._doubtful_since_ms = mono_ms
        started = self._doubtful_since_ms
        if started is not None and mono_ms - started >= self.steady_s * 1000:
            self._doubtful_since_ms = None
        return self._doubtful_since_ms is not None

    def doubt(self, monotonic_s: float) -> None:
        """Something else contradicts it, such as the store's clock: from now on it has to run evenly again."""
        self._doubtful_since_ms = int(monotonic_s * 1000)

    def trust(self) -> None:
        """Believes the clock as it is now: a person looked at it."""
        self._offset_ms = None
        self._doubtful_since_ms = None

    def _expected(self, offset_ms: int, mono_ms: int) -> int:
        """The offset between the clocks so far; it follows a clock that is pulled slowly, and never a step."""
        if self._offset_ms is None:
            self._offset_ms, self._at_ms = offset_ms, mono_ms
        reach_ms = (mono_ms - self._at_ms) * SLEW_PPM // PPM
        if reach_ms > 0:
            self._offset_ms += max(-reach_ms, min(reach_ms, offset_ms - self._offset_ms))
            self._at_ms = mono_ms
        return self._offset_ms
