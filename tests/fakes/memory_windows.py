"""The windows that all processes share, as Redis has them, in memory and on the clock of the running loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from prepaid.domain.windows import SlidingWindows, Window


class MemoryWindows:
    """Implements `prepaid.ports.SharedWindows`. `away` makes it as if it could not be reached."""

    def __init__(self, *, away: bool = False) -> None:
        self.windows = SlidingWindows()
        self.away = away
        self.asked = 0
        self.paused_until = 0
        self.spent: Counter[str] = Counter()

    async def take(self, windows: Sequence[Window]) -> list[int] | None:
        """The pause's wait, then that of each window."""
        self.asked += 1
        if self.away:
            return None
        now_ms = self._now_ms()
        if self.paused_until > now_ms:
            return [self.paused_until - now_ms, *(0 for _ in windows)]
        return [0, *self.windows.take(windows, now_ms)]

    async def pause(self, pause_ms: int) -> None:
        """Nobody takes a place for so long."""
        self.paused_until = max(self.paused_until, self._now_ms() + pause_ms)

    async def spend(self, key: str, *, most: int, lasts_s: int) -> bool:
        """Spends one of `most`."""
        assert lasts_s > 0
        if self.spent[key] >= most:
            return False
        self.spent[key] += 1
        return True

    @staticmethod
    def _now_ms() -> int:
        return int(asyncio.get_running_loop().time() * 1000)
