"""Windows that all processes share, so that many of them together keep below one limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prepaid.domain.windows import Window


class SharedWindows(Protocol):
    """The windows of one sender. Speed only: who cannot reach them goes by windows of their own (Y2)."""

    async def take(self, windows: Sequence[Window]) -> list[int] | None:
        """The wait in milliseconds that a pause asks for, then that of each window; all zero when a place was taken.

        None: they cannot be reached.
        """
        ...

    async def pause(self, pause_ms: int) -> None:
        """Nobody takes a place for so long."""
        ...

    async def spend(self, key: str, *, most: int, lasts_s: int) -> bool:
        """Spends one of `most` in what `key` names, such as a day; False when all are spent."""
        ...
