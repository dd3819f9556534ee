"""Time, as the business sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations (Y4)."""

    def now(self) -> datetime:
        """Aware UTC, to the millisecond."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
