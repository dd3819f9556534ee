"""Jobs that belong to times of day: each slot takes effect once, whatever the number of schedulers (Y5).

APScheduler tells the times; a row in the store decides who does the work. A slot is named by its wall-clock time, so
the hour that autumn repeats is one slot, and a clock that jumps back finds its slots done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import structlog
from apscheduler.triggers.cron import CronTrigger

from prepaid.domain.errors import Trouble
from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.gather_facts import clock_doubtful
from scheduler.triggers import OK, Job, reason_of

log = structlog.get_logger()

LOOK_EVERY_S = 20
LEASE_S = 3600.0
MOST_SLOTS = 400
"""Slots looked at in one go, as a bound."""
LOOK_BACK = timedelta(days=32)
"""Where the newest slot is looked for by a scheduler that has no history."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_TRIES = 5

Work = Callable[[datetime, SlotRun], Awaitable[int]]
"""Does one slot; returns how much was done. May ask the store whether the run still holds its slot."""


class Missed(StrEnum):
    """What becomes of slots that nobody was there for."""

    CATCH_UP = "catch_up"
    """Each is done, oldest first."""
    LATEST = "latest"
    """Only the newest one is done; it makes up for those before."""
    SKIP = "skip"
    """What is later than `grace` is not done at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When. `cron` has five fields as crontab does."""

    cron: str
    time_zone: str
    missed: Missed = Missed.LATEST
    grace: timedelta = timedelta(hours=1)

    def after(self, since: datetime) -> Iterator[datetime]:
        """The slots after an instant, in order, each once."""
        zone = ZoneInfo(self.time_zone)
        trigger = CronTrigger.from_crontab(self.cron, timezone=zone)
        last, key = since, self.key(since)
        while True:
            found = trigger.get_next_fire_time(None, (last + timedelta(seconds=1)).astimezone(zone))
            if found is None:
                return
            last = found.astimezone(since.tzinfo)
            if self.key(last) != key:
                yield last
            key = self.key(last)

    def key(self, slot: datetime) -> str:
        """A slot's name: the wall clock to the minute, without its offset."""
        return f"{slot.astimezone(ZoneInfo(self.time_zone)):%Y-%m-%dT%H:%M}"

    def due(self, newest: datetime | None, now: datetime) -> tuple[datetime, ...]:
        """The slots to do now, oldest first. `newest` is the last one that ended, which may lie ahead after a jump."""
        fresh = newest is None or newest > now
        since = now - LOOK_BACK if newest is None or newest > now else newest
        found = self._last(since, now) if fresh or self.missed is Missed.LATEST else self._between(since, now)
        if self.missed is Missed.SKIP:
            found = [slot for slot in found if now - slot <= self.grace]
        return tuple(found)

    def _between(self, since: datetime, now: datetime) -> list[datetime]:
        """The oldest first, so many at most; the others follow with the next look."""
        return list(islice(takewhile(lambda slot: slot <= now, self.after(since)), MOST_SLOTS))

    def _last(self, since: datetime, now: datetime) -> list[datetime]:
        """The newest, looked for near the end first: a plan of every quarter of an hour has thousands in a month."""
        for start in (now - HOUR, now - DAY, since):
            found = self._between(max(start, since), now)
            if found:
                return found[-1:]
        return []


def slotted(business: Business, owner: str, name: str, plan: Plan, work: Work) -> Job:
    """A job that does its due slots. While the wall clock is in doubt it waits (Y4)."""

    async def run() -> int:
        if clock_doubtful(business):
            return 0
        note = (await business.store.job_runs.notes()).get(name)
        for slot in plan.due(note.slot if note is not None else None, business.clock.now()):
            if not await _slot(business, slot, owner=owner, name=name, plan=plan, work=work):
                break  # Slots are done in order: the next one waits for this one.
        return 0

    async def by_hand() -> int:
        """Now, as a slot of its own."""
        now = business.clock.now()
        run = await business.store.job_runs.begin(name, f"hand:{now.isoformat()}", now, owner=owner, ttl_s=LEASE_S)
        if run is None:
            return 0
        try:
            return await work(now, run)
        finally:
            await business.store.job_runs.let_go(run)

    return Job(name=name, run=run, period_s=LOOK_EVERY_S, plan=plan, by_hand=by_hand)


async def _slot(business: Business, slot: datetime, *, owner: str, name: str, plan: Plan, work: Work) -> bool:
    """Whether the slot has ended, by us or by another."""
    runs = business.store.job_runs
    run = await runs.begin(name, plan.key(slot), slot, owner=owner, ttl_s=LEASE_S)
    if run is None or run.done:
        return run is not None
    try:
        did = await work(slot, run)
    except Trouble as trouble:
        tries = await runs.let_go(run)
        await runs.note(name, result=reason_of(trouble), did=0, owner=owner)
        if tries < MOST_TRIES:
            raise
        log.exception("slot_given_up", job=name, slot=plan.key(slot), key=trouble.key)
        return await runs.end(run, did=0)
    except Exception as error:
        tries = await runs.let_go(run)
        await runs.note(name, result=reason_of(error), did=0, owner=owner)
        if tries < MOST_TRIES:
            raise
        log.exception("slot_given_up", job=name, slot=plan.key(slot))
        return await runs.end(run, did=0)
    await runs.note(name, result=OK, did=did, owner=owner)
    return await runs.end(run, did=did)
