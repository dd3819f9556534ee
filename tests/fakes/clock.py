"""Clocks for tests: one that only moves when told to, and one that follows the event loop's time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""A Monday noon in Shanghai: no weekend, no holiday, no protected hour."""


def _to_millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


@dataclass(slots=True)
class ManualClock:
    """Stands still until a test moves it."""

    at: datetime = EPOCH
    elapsed_s: float = 1_000.0

    def now(self) -> datetime:
        return _to_millisecond(self.at)

    def monotonic(self) -> float:
        return self.elapsed_s

    def advance(self, **by: float) -> None:
        """Lets time pass: both clocks move. Takes the keywords of `timedelta`."""
        step = timedelta(**by)
        if step < timedelta():
            raise ValueError("time passes forwards only; jump() sets the wall clock back")
        self.at += step
        self.elapsed_s += step.total_seconds()

    def jump(self, **by: float) -> None:
        """Sets the wall clock forwards or back while no time passes (F33)."""
        self.at += timedelta(**by)

    def set(self, at: datetime) -> None:
        """Sets the wall clock to an instant."""
        self.at = at


@dataclass(slots=True)
class LoopClock:
    """Wall and monotonic time from the running loop, so that a loop with virtual time drives both."""

    epoch: datetime = EPOCH
    jumped: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return _to_millisecond(self.epoch + timedelta(seconds=self.monotonic()) + self.jumped)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def jump(self, **by: float) -> None:
        """Sets the wall clock forwards or back while no time passes (F33)."""
        self.jumped += timedelta(**by)
