"""What waits for a bus, most urgent first: a relay command before its read-back, a read-back before any poll.

A bus carries one transaction at a time, so order is all that can be chosen. The queue has an end: when too much waits,
the newest is turned away instead of everything growing late.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

from meters.links.requests import Request
from prepaid.domain.errors import TryAgain

LONGEST_QUEUE = 256


class Priority(IntEnum):
    """Who goes first. Polls and probes are not queued; they run when nothing here is ready but a scan."""

    COMMAND = 0
    READ_BACK = 1
    ON_DEMAND = 2
    SCAN = 3
    """Behind every poll and probe."""


_numbers = itertools.count()


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One transaction that somebody waits for."""

    priority: Priority
    unit: int
    request: Request
    done: asyncio.Future[bytes]
    expires_at: float | None = None
    """In the loop's time. An expired job is never sent (S5)."""
    last_look: Callable[[], Awaitable[bool]] | None = None
    """Asked right before the frame leaves; False holds it back."""
    then: Job | None = None
    """What follows once the frame has left, echoed or not: the read-back of a command."""
    settle_s: float = 0.0
    not_before: float = 0.0
    number: int = field(default_factory=lambda: next(_numbers))

    def fail(self, trouble: BaseException) -> None:
        """Tells whoever waits, and whoever waits for what would have followed."""
        if not self.done.done():
            self.done.set_exception(trouble)
        if self.then is not None and not self.then.done.done():
            self.then.done.cancel()


class JobQueue:
    """Jobs that wait for the bus."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def put(self, job: Job) -> None:
        """Queues a job. Raises `TryAgain` when too many wait."""
        if len(self._jobs) >= LONGEST_QUEUE:
            raise TryAgain("try_again.bus_busy")
        self._jobs.append(job)

    def follow(self, job: Job, now: float) -> None:
        """Queues what follows a frame that has left; a read-back is never turned away."""
        if job.then is not None:
            job.then.not_before = now + job.settle_s
            self._jobs.append(job.then)

    def take(self, now: float, rest_s: Callable[[int], float], *, scans: bool) -> Job | None:
        """Removes the most urgent job that may run now; with `scans` it may be one of those behind every poll.

        `rest_s` says how long a unit must still be left alone.
        """
        self._jobs = [job for job in self._jobs if not job.done.done()]
        ready = [job for job in self._asked(scans) if job.not_before <= now and not rest_s(job.unit)]
        if not ready:
            return None
        job = min(ready, key=lambda job: (job.priority, job.number))
        self._jobs.remove(job)
        return job

    def soonest(self, now: float, rest_s: Callable[[int], float], *, scans: bool) -> float | None:
        """When the next job can run, in the loop's time; None when nothing waits."""
        return min((max(job.not_before, now + rest_s(job.unit)) for job in self._asked(scans)), default=None)

    def _asked(self, scans: bool) -> list[Job]:
        return [job for job in self._jobs if scans or job.priority < Priority.SCAN]

    def fail_all(self, trouble: Callable[[], BaseException]) -> None:
        """Nothing that waits will be sent."""
        for job in self._jobs:
            job.fail(trouble())
        self._jobs.clear()
