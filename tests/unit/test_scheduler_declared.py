"""Every job that the scheduler declares, through summer time, month ends and clock jumps, with two schedulers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatwatt.commands.jobs import next_run
from chatwatt.house import beside_the_doors, scheduled
from chatwatt.settings import Settings
from prepaid.domain.notices import NoticeKind
from prepaid.domain.supply import Hold, HoldKind, Outcome, Wanted
from prepaid.ports.schedule import JobNote, SlotRun
from prepaid.storage.driver import Database
from prepaid.usecases.confirm_switches import LONG, confirm_switches
from prepaid.usecases.record_switch import STUCK_AFTER
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

ZONE = "Europe/Berlin"
MOMENTS: Sequence[tuple[str, str]] = (
    ("before summer time", "2026-03-29T00:50"),
    ("the hour that is left out", "2026-03-29T01:55"),
    ("later that day", "2026-03-29T11:00"),
    ("the last minute of March", "2026-03-31T21:59"),
    ("the first quarter of April", "2026-03-31T22:25"),
    ("a step back over the month's end", "2026-03-31T21:50"),
    ("and on again", "2026-04-01T09:00"),
    ("half a year without a scheduler", "2026-10-25T00:55"),
    ("the hour that comes twice", "2026-10-25T01:55"),
    ("the afternoon after it", "2026-10-25T14:00"),
    ("the year's end", "2026-12-31T23:58"),
    ("a leap ahead to 29 February", "2028-02-29T12:00"),
    ("two years back", "2026-12-31T23:59"),
    ("the first day of March", "2028-03-01T08:00"),
)
DAILY = {"audit", "certificates"}


def declared(building: Building, owner: str) -> list[Job]:
    """What `chatwatt scheduler` runs."""
    settings = Settings.model_validate({"time_zone": ZONE})
    database = SimpleNamespace(time=building.clock.now)
    runtime = SimpleNamespace(owner=owner, settings=settings, database=database)
    return scheduled(cast("Any", runtime), building.business)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A store and a clock."""
    return await build(database, clock)


async def test_each_slot_of_every_declared_job_is_done_once(building: Building) -> None:
    """Y5: by one of two schedulers, in any of the moments at which clocks or calendars do something odd."""
    done: Counter[tuple[str, str]] = Counter()
    plans = {job.name: job.plan for job in declared(building, "a") if isinstance(job.plan, Plan)}
    assert len(plans) >= 10

    def counting(name: str, plan: Plan, owner: str) -> Job:
        async def work(slot: datetime, run: SlotRun) -> int:
            assert await building.business.store.job_runs.holds(run)
            await asyncio.sleep(0)
            done[name, plan.key(slot)] += 1
            return 1

        return slotted(building.business, owner, name, plan, work)

    both = [counting(name, plan, owner) for owner in ("a", "b") for name, plan in plans.items()]
    latest = datetime(2026, 3, 28, tzinfo=UTC)
    for what, moment in MOMENTS:
        now = datetime.fromisoformat(f"{moment}+00:00")
        building.clock.set(now)
        before = done.copy()
        await asyncio.gather(*(job.run() for job in both))
        new = Counter(name for name, _ in done - before)
        for name, plan in plans.items():
            assert plan.missed is Missed.LATEST, f"{name}: say here what becomes of its missed slots"
            newest = plan.due(None, now)[-1]
            assert done[name, plan.key(newest)] == 1, (what, name)
            assert new[name] <= 1, (what, name)
            if now > latest + timedelta(days=1):
                assert new[name] == 1, (what, name)
        latest = max(latest, now)
    assert set(done.values()) == {1}
    notes = await building.business.store.job_runs.notes()
    assert {name for name, note in notes.items() if note.result == "ok"} == set(plans)


async def test_jobs_are_listed_with_what_comes_next(building: Building) -> None:
    """Y5: each name once; one with a plan says its next slot, one that runs all the time when its next turn is."""
    jobs = [*declared(building, "a"), *beside_the_doors(building.business, {})]
    assert len({job.name for job in jobs}) == len(jobs)
    now = building.clock.now()
    for job in jobs:
        note = JobNote(job=job.name, slot=None, at=now - timedelta(seconds=1), result="ok", did=0, owner="a")
        following = next_run(job, note, now)
        assert following is not None
        assert now <= following <= now + timedelta(days=1 if job.name in DAILY else 0, hours=1), job.name
        assert (next_run(job, None, now) is None) is (job.plan is None)


async def test_a_command_that_nobody_answers_is_told_once(building: Building) -> None:
    """S4: no worker reads it back; it ends unconfirmed and the staff are told once, but not of a tagged meter."""
    await building.flat(1)
    await building.flat(2)
    operator = await building.operator()
    store = building.business.store
    for unit in (1, 2):
        wanted = Wanted(on=False, generation=1, reason="rule.no_credit", at=building.clock.now())
        assert await store.supplies.want(f"met-{unit}", 0, wanted)
    await store.supplies.hold("met-2", Hold(kind=HoldKind.OFF, by="x", why="works"), at=building.clock.now())
    assert await confirm_switches(building.business) == 0
    building.clock.advance(seconds=LONG.total_seconds() + 1)
    rounds = [await confirm_switches(building.business) for _ in range(STUCK_AFTER + 2)]
    assert rounds == [1] * STUCK_AFTER + [0, 0]
    outcomes = [(await building.supply(unit)).outcome for unit in (1, 2)]
    assert outcomes == [Outcome.UNCONFIRMED, Outcome.PENDING]
    told = [row for row in await store.notices.due(building.clock.now(), 100) if row.kind is NoticeKind.SWITCH_STUCK]
    assert [row.person_id for row in told] == [operator.id]
