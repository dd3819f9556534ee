"""The real clock: wall time for records, monotonic time for durations (Y4)."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `prepaid.ports.Clock`."""

    def now(self) -> datetime:
        """Aware UTC to the millisecond, which is what the store keeps."""
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
