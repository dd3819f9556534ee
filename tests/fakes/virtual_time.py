"""A loop whose time passes at once: where asyncio would sleep until its next timer, the clock simply stands there.

For work that waits for nothing but time. Nothing outside of the process is waited for, so no sockets.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Leaping(selectors.DefaultSelector):
    """Waits by adding up what it was asked to wait."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits and no timer is left: this would hang")
        self.passed_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which begins at 1,000 s."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Virtual seconds."""
        return 1_000.0 + self._leaping.passed_s


def run_virtually(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work`, run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


async def pass_time(seconds: float) -> None:
    """Lets virtual time pass."""
    await asyncio.sleep(seconds)
