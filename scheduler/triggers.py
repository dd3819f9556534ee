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
OK = "ok"


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
            did, result = await _once(job)
            await notes.take(did, result)
            if did > 0:
                continue  # There may be more than one batch; an empty run ends the burst.
            await _rest(waiter, job.period_s if result == OK else REST_AFTER_FAILURE_S, stop)


async def run_by_hand(business: Business, job: Job, *, owner: str) -> int:
    """Runs a job once, now; returns how much it did, and notes how it went. Raises what the job raises."""
    result, did = "", 0
    try:
        did, result = await (job.by_hand or job.run)(), OK
    except Exception as error:
        result = reason_of(error)
        raise
    finally:
        if result:
            await business.store.job_runs.note(job.name, result=result, did=did, owner=owner)
    return did


class _Notes:
    """Tells the store how a job went: when that changes, and once a minute. Its own trouble stops nothing (Y2)."""

    def __init__(self, business: Business, job: Job, owner: str) -> None:
        self._business, self._job, self._owner = business, job, owner
        self._last: tuple[str, float] | None = None

    async def take(self, did: int, result: str) -> None:
        """After a run."""
        if self._job.plan is not None:
            return  # A job with slots tells how each of them went.
        now_s = self._business.clock.monotonic()
        if self._last is not None and self._last[0] == result and now_s - self._last[1] < NOTE_EVERY_S:
            return
        self._last = (result, now_s)
        with suppress(Trouble):
            await self._business.store.job_runs.note(self._job.name, result=result, did=did, owner=self._owner)


def reason_of(error: Exception) -> str:
    """Why a run failed, in a word that `chatwatt jobs` shows: a text's key, or the kind of a bug."""
    return error.key if isinstance(error, Trouble) else type(error).__name__


async def _once(job: Job) -> tuple[int, str]:
    """How much was done, and how it went."""
    try:
        did = await job.run()
    except Trouble as trouble:
        RUNS.labels(job.name, "trouble").inc()
        log.warning("job_waits", job=job.name, kind=type(trouble).__name__, key=trouble.key)
        return 0, reason_of(trouble)
    except Exception as error:
        # A bug in one job must not stop the others; it is counted, logged whole, and the job comes again.
        RUNS.labels(job.name, "error").inc()
        log.exception("job_failed", job=job.name)
        return 0, reason_of(error)
    RUNS.labels(job.name, "ok").inc()
    return did, OK


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
