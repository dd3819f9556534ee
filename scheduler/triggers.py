"""Runs jobs: each when it is woken, and at least once in its period. A job that fails is tried again, never dropped.

Jobs are idempotent, so any number of schedulers may run them; what must be single is made single by keys in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from prometheus_client import Counter

from prepaid.domain.errors import Trouble
from prepaid.ports import Business, Waiter

log = structlog.get_logger()

RUNS = Counter("chatwatt_job_runs", "Runs of scheduled jobs by outcome.", ("job", "outcome"))
REST_AFTER_FAILURE_S = 1.0
NOTE_EVERY_S = 60.0


class Planned(Protocol):
    """Times of day."""

    def after(self, since: datetime) -> Iterator[datetime]:
        """The slots after an instant, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run, how often at least, and what wakes it sooner. `run` returns how much it did; more may be waiting."""

    name: str
    run: Callable[[], Awaitable[int]]
    period_s: float
    topics: tuple[str, ...] = ()
    plan: Planned | None = None
    """The times of day that it belongs to; None: it runs all the time."""
    by_hand: Callable[[], Awaitable[int]] | None = None
    """Runs it now, whatever its plan says."""


async def run_jobs(business: Business, jobs: Sequence[Job], stop: asyncio.Event, *, owner: str = "") -> None:
    """Runs every job until `stop` is set; the run under way is finished first."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_forever(business, job, stop, _Notes(business, job, owner)), name=f"job:{job.name}")


async def _forever(business: Business, job: Job, stop: asyncio.Event, notes: _Notes) -> None:
    async with business.wakeups.waiter(*job.topics, _stop_topic(job)) as waiter:
        while not stop.is_set():
            did = await _once(job)
            await notes.take(did)
            if did > 0:
                continue  # There may be more than one batch; an empty run ends the burst.
            await _rest(waiter, job.period_s if did == 0 else REST_AFTER_FAILURE_S, stop)


class _Notes:
    """Tells the store how a job went: when that changes, and once a minute. Its own trouble stops nothing (Y2)."""

    def __init__(self, business: Business, job: Job, owner: str) -> None:
        self._business, self._job, self._owner = business, job, owner
        self._last: tuple[str, float] | None = None

    async def take(self, did: int) -> None:
        """After a run."""
        if self._job.plan is not None:
            return  # A job with slots tells how each of them went.
        result, now_s = "ok" if did >= 0 else "failed", self._business.clock.monotonic()
        if self._last is not None and self._last[0] == result and now_s - self._last[1] < NOTE_EVERY_S:
            return
        self._last = (result, now_s)
        with suppress(Trouble):
            await self._business.store.job_runs.note(self._job.name, result=result, did=max(0, did), owner=self._owner)


async def _once(job: Job) -> int:
    """How much was done, or -1 for a failure."""
    try:
        did = await job.run()
    except Trouble as trouble:
        RUNS.labels(job.name, "trouble").inc()
        log.warning("job_waits", job=job.name, kind=type(trouble).__name__, key=trouble.key)
        return -1
    except Exception:
        # A bug in one job must not stop the others; it is counted, logged whole, and the job comes again.
        RUNS.labels(job.name, "error").inc()
        log.exception("job_failed", job=job.name)
        return -1
    RUNS.labels(job.name, "ok").inc()
    return did


async def _rest(waiter: Waiter, seconds: float, stop: asyncio.Event) -> None:
    """Until woken, stopped, or the time is up."""
    tasks = {asyncio.ensure_future(waiter.wait(seconds)), asyncio.ensure_future(stop.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=seconds + 1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _stop_topic(job: Job) -> str:
    return f"job:{job.name}"
