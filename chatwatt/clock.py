"""The real clock: wall time for records, monotonic time for durations (Y4)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


class SystemClock:
    """Implements `prepaid.ports.Clock`."""

    def now(self) -> datetime:
        """Aware UTC to the millisecond, which is what the store keeps."""
        return _EPOCH + time.time_ns() // 1_000_000 * _MS

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
