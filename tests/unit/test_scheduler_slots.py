"""Slots of scheduled jobs: each takes effect once, whatever clocks and schedulers do."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from prepaid.domain.clock_trust import ClockTrust
from prepaid.domain.errors import TryAgain
from prepaid.ports.schedule import SlotRun
from prepaid.storage.driver import Database
from scheduler.slots import LEASE_S, MOST_TRIES, Missed, Plan, slotted
from scheduler.triggers import Job, run_by_hand, run_jobs
from tests.fakes.building import Building, build
from tests.fakes.clock import EPOCH, ManualClock

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Plan(cron="30 2 * * *", time_zone="Europe/Berlin", missed=Missed.CATCH_UP)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A store and a clock."""
    return await build(database, clock)


class Worker:
    """Counts what took effect."""

    def __init__(self) -> None:
        self.done: Counter[datetime] = Counter()
        self.fail = 0

    async def work(self, slot: datetime, run: SlotRun) -> int:
        assert run.token >= 1
        if self.fail:
            self.fail -= 1
            raise TryAgain("try_again.store")
        await asyncio.sleep(0)
        self.done[slot] += 1
        return 1


def schedulers(building: Building, worker: Worker, plan: Plan, count: int = 2) -> list[Job]:
    """Several schedulers with the same job."""
    return [slotted(building.business, f"s{number}", "daily", plan, worker.work) for number in range(count)]


async def look(jobs: list[Job]) -> None:
    """All schedulers look at once."""
    await asyncio.gather(*(job.run() for job in jobs))


@pytest.mark.parametrize(("year", "cron"), [(2026, "30 2 * * *"), (2027, "0 2,3 * * *"), (2028, "15 0 31 * *")])
def test_a_year_of_slots_has_each_once(year: int, cron: str) -> None:
    """Y5: over both changes of summer time and every month end, slots grow and no wall-clock time comes twice."""
    plan = Plan(cron=cron, time_zone="Europe/Berlin")
    until = datetime(year + 1, 1, 1, tzinfo=UTC) - timedelta(hours=1)
    slots: list[datetime] = []
    for slot in plan.after(datetime(year, 1, 1, tzinfo=UTC) - timedelta(hours=1)):
        if slot >= until:
            break
        slots.append(slot)
    assert slots == sorted(set(slots))
    assert len({plan.key(slot) for slot in slots}) == len(slots)
    days = Counter(slot.astimezone(BERLIN).date() for slot in slots)
    expected = {"30 2 * * *": (364, 365, 366), "0 2,3 * * *": (364, 365, 366), "15 0 31 * *": (7,)}[cron]
    assert len(days) in expected
    assert max(days.values()) == (2 if "," in cron else 1)


@pytest.mark.parametrize("night", [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)])
async def test_two_schedulers_through_a_change_of_summer_time(building: Building, night: datetime) -> None:
    """Y5: two schedulers look every four hours through both nights; each slot takes effect once."""
    worker = Worker()
    jobs = schedulers(building, worker, DAILY)
    building.clock.set(night)
    await look(jobs)
    for _ in range(10):
        building.clock.advance(hours=4)
        await look(jobs)
        await look(jobs)
    days = {slot.astimezone(BERLIN).date() for slot in worker.done}
    assert set(worker.done.values()) == {1}
    assert len(days) == len(worker.done) == 3
    notes = await building.business.store.job_runs.notes()
    assert notes["daily"].result == "ok"


async def test_clock_jumps_never_repeat_a_slot(building: Building) -> None:
    """Y5: a clock that leaps a month ahead and back again finds what was done done, and goes on with the next day."""
    worker = Worker()
    jobs = schedulers(building, worker, Plan(cron="0 1 * * *", time_zone="Asia/Shanghai", missed=Missed.LATEST))
    await look(jobs)
    for jump_d in (31, -31, 0, 1, -40, 41):
        building.clock.jump(days=jump_d)
        await look(jobs)
    for _ in range(3):
        building.clock.advance(days=1)
        await look(jobs)
    assert set(worker.done.values()) == {1}
    assert max(worker.done) > EPOCH + timedelta(days=30)
    recent = {slot for slot in worker.done if EPOCH < slot < EPOCH + timedelta(days=6)}
    assert len(recent) >= 3


@pytest.mark.parametrize(("missed", "done"), [(Missed.CATCH_UP, 5), (Missed.LATEST, 1), (Missed.SKIP, 0)])
async def test_missed_slots_are_caught_up_or_skipped_by_rule(building: Building, missed: Missed, done: int) -> None:
    """Y5: after five days without a scheduler, each, the newest or none of the missed slots is done."""
    worker = Worker()
    jobs = schedulers(building, worker, Plan(cron="0 1 * * *", time_zone="Asia/Shanghai", missed=missed))
    building.clock.set(datetime(2026, 3, 1, 17, 5, tzinfo=UTC))  # Five minutes past one in Shanghai.
    await look(jobs)
    assert sum(worker.done.values()) == 1
    building.clock.advance(days=5, hours=3)
    await look(jobs)
    assert sum(worker.done.values()) == 1 + done
    assert list(worker.done) == sorted(worker.done)


async def test_a_dead_holder_is_succeeded_and_cannot_end_the_slot(building: Building) -> None:
    """Y5: whoever froze with a slot in hand loses it when its time is up; its end does not count any more."""
    runs, slot = building.business.store.job_runs, building.clock.now()
    first = await runs.begin("daily", "k", slot, owner="a", ttl_s=60)
    assert first is not None
    assert await runs.holds(first)
    assert await runs.begin("daily", "k", slot, owner="b", ttl_s=60) is None
    building.clock.advance(seconds=61)
    second = await runs.begin("daily", "k", slot, owner="b", ttl_s=60)
    assert second is not None
    assert second.token == 2
    assert not await runs.holds(first)
    assert not await runs.end(first, did=1)
    assert await runs.end(second, did=1)
    again = await runs.begin("daily", "k", slot, owner="a", ttl_s=60)
    assert again is not None
    assert again.done


async def test_no_slot_begins_while_the_clock_is_in_doubt(building: Building) -> None:
    """Y4: a wall clock that has just jumped tells no time of day; when it is believed again the slot is done, once."""
    worker, trust = Worker(), ClockTrust()
    business = replace(building.business, trust=trust)
    job = slotted(business, "s0", "daily", Plan(cron="0 1 * * *", time_zone="Asia/Shanghai"), worker.work)
    await job.run()
    building.clock.jump(days=1)
    await job.run()
    assert sum(worker.done.values()) == 1
    building.clock.advance(seconds=trust.steady_s + 1)
    await job.run()
    await job.run()
    assert sum(worker.done.values()) == 2


async def test_a_failing_slot_is_tried_again_and_given_up_at_last(building: Building) -> None:
    """Y5: trouble keeps a slot open for the next look; after some tries the days after it go on."""
    worker = Worker()
    (job,) = schedulers(building, worker, DAILY, 1)
    worker.fail = 2
    for _ in range(2):
        with pytest.raises(TryAgain):
            await job.run()
    assert (await building.business.store.job_runs.notes())["daily"].result == "try_again.store"
    await job.run()
    assert sum(worker.done.values()) == 1
    building.clock.advance(days=1)
    worker.fail = MOST_TRIES
    for _ in range(MOST_TRIES - 1):
        with pytest.raises(TryAgain):
            await job.run()
    await job.run()
    building.clock.advance(days=1)
    await job.run()
    assert sum(worker.done.values()) == 2
    assert LEASE_S > 0


async def test_what_is_run_by_hand_says_how_it_went_and_is_no_slot(building: Building) -> None:
    """Y5: by hand as often as one likes, trouble with its reason; the day's own slot is done as if nobody had."""
    worker = Worker()
    (job,) = schedulers(building, worker, DAILY, 1)
    building.clock.set(datetime(2026, 3, 3, 1, tzinfo=UTC))
    worker.fail = 1
    with pytest.raises(TryAgain):
        await run_by_hand(building.business, job, owner="hand")
    (note,) = (await building.business.store.job_runs.notes()).values()
    assert (note.result, note.did, note.owner, note.slot) == ("try_again.store", 0, "hand", None)
    for _ in range(2):
        assert await run_by_hand(building.business, job, owner="hand") == 1
        building.clock.advance(minutes=1)
    assert (await building.business.store.job_runs.notes())["daily"].result == "ok"
    building.clock.advance(hours=1)
    await job.run()
    await job.run()
    assert sum(worker.done.values()) == 3

    async def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_by_hand(building.business, Job(name="broken", run=broken, period_s=1), owner="hand")
    assert (await building.business.store.job_runs.notes())["broken"].result == "ZeroDivisionError"


async def test_running_jobs_say_how_they_went(building: Building) -> None:
    """`chatwatt jobs` shows what a running scheduler did: every job leaves a note, and a failure is one too."""
    stop, ran = asyncio.Event(), asyncio.Event()

    async def good() -> int:
        ran.set()
        return 0

    async def bad() -> int:
        await ran.wait()
        stop.set()
        raise TryAgain("try_again.store")

    jobs = [Job(name="good", run=good, period_s=1), Job(name="bad", run=bad, period_s=1)]
    await asyncio.wait_for(run_jobs(building.business, jobs, stop, owner="here"), 60)
    notes = await building.business.store.job_runs.notes()
    assert (notes["good"].result, notes["bad"].result, notes["good"].owner) == ("ok", "try_again.store", "here")
