"""Ends what takes too long among many sends: one look at all that is under way, instead of a timer for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from prepaid.domain.errors import InvariantBroken

LOOK_EVERY_S = 0.1

T = TypeVar("T")


class SendWatch:
    """As `asyncio.timeout` with one length for all, and late by `LOOK_EVERY_S` at most while `run` runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends: dict[asyncio.Task[Any], float | None] = {}
        """When each is too late, soonest first; None once it was ended."""

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """What the work gives. Raises `TimeoutError` after so long."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise InvariantBroken("only a task can be watched")
        self._ends[task] = self._loop.time() + seconds
        try:
            return await work
        except asyncio.CancelledError:
            # Whoever ended the task as well, and not this watch alone, is obeyed.
            if self._ends[task] is None and task.cancelling() == 1:
                raise TimeoutError from None
            raise
        finally:
            if self._ends.pop(task) is None:
                task.uncancel()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._end_late(self._loop.time())

    def _end_late(self, now: float) -> None:
        for task, end in self._ends.items():
            if end is None:
                continue
            if end > now:
                break
            self._ends[task] = None
            task.cancel()
