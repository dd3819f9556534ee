"""How many of something in any stretch of time: exact sliding windows. Pure: the instant comes in, the wait goes out.

A window remembers when its last `most` places were taken, so that no stretch of `period_ms`, wherever it begins, ever
holds more. What waits the least has the last places to itself: others keep away from the `reserve`, and since a place
that comes free is still one of the reserve for them, whoever may use it is always served first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """`most` places of `key` in any `period_ms`, the last `reserve` of which are not for the asker."""

    key: str
    most: int
    period_ms: int
    reserve: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < self.most or self.period_ms < 1:
            raise ValueError("a window has places, a length, and a reserve that leaves one")


class SlidingWindows:
    """The windows of one process."""

    def __init__(self, *, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._taken: dict[str, deque[int]] = {}
        self._ends: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, windows: Sequence[Window], now_ms: int) -> list[int]:
        """Takes a place in every window and returns zeros; or takes none and returns how long to wait for each."""
        waits = [self._wait_ms(window, now_ms) for window in windows]
        if not any(waits):
            for window in windows:
                self._note(window, now_ms)
        return waits

    def _wait_ms(self, window: Window, now_ms: int) -> int:
        taken = self._taken.get(window.key)
        if taken is None:
            return 0
        if taken[-1] > now_ms:
            # The clock was set back: what was noted says nothing any more.
            del self._taken[window.key]
            return 0
        allowed = window.most - window.reserve
        return max(0, taken[-allowed] + window.period_ms - now_ms) if len(taken) >= allowed else 0

    def _note(self, window: Window, now_ms: int) -> None:
        taken = self._taken.get(window.key)
        if taken is None:
            if len(self._taken) >= self._most_keys:
                self._forget(now_ms)
            taken = self._taken[window.key] = deque(maxlen=window.most)
        taken.append(now_ms)
        self._ends[window.key] = now_ms + window.period_ms

    def _forget(self, now_ms: int) -> None:
        """A window whose last place has come free says nothing that a new one would not."""
        self._taken = {key: taken for key, taken in self._taken.items() if self._ends[key] > now_ms}
        while len(self._taken) >= self._most_keys:
            del self._taken[min(self._taken, key=self._ends.__getitem__)]
        self._ends = {key: self._ends[key] for key in self._taken}
