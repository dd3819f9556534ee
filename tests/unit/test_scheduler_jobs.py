"""The scheduler's own jobs over the real store: what midnight looked like, ends that come, clocks that differ."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from prepaid.domain.access import CLOCK, Role
from prepaid.domain.clock_trust import ClockTrust
from prepaid.domain.errors import TryAgain
from prepaid.domain.ledger import Head
from prepaid.domain.metering import Reading
from prepaid.domain.notices import NoticeKind
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.warn_of_endings import MARKS_D, Ending, mark_of, warn_of_endings
from scheduler.jobs import certificates, fees, reconcile, retention, snapshots
from scheduler.jobs.clock import job as clock_job
from scheduler.slots import Missed, Plan
from tests.fakes.building import SITE, Building, build
from tests.fakes.clock import EPOCH, ManualClock

NEVER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat with credit."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=9_000_000)
    return building


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"])
def test_the_newest_of_many_slots_is_found_near_the_end(zone: str) -> None:
    """Y5: a plan of quarters of an hour finds its newest slot from any instant, over month ends and summer time."""
    plan = Plan(cron="2,17,32,47 * * * *", time_zone=zone, missed=Missed.LATEST)
    instants = [datetime(2026, 3, 29, 0, 50, tzinfo=UTC), datetime(2026, 10, 25, 0, 59, tzinfo=UTC)]
    instants += [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, 0, 3, tzinfo=UTC)]
    for now in instants:
        for newest in (None, now - timedelta(days=200), now - timedelta(minutes=20), now + timedelta(days=40)):
            (slot,) = plan.due(newest, now)
            assert now - timedelta(minutes=15) < slot <= now
            assert slot.astimezone(ZoneInfo(zone)).minute in (2, 17, 32, 47)
        assert plan.due(slot, now) == ()


async def test_midnight_is_kept_once_and_looked_back_at(building: Building) -> None:
    """Y5, M2: two schedulers that come hours late keep the balances and registers of midnight, once, not of now."""
    building.clock.set(datetime(2026, 3, 2, 15, 50, tzinfo=UTC))  # Ten minutes before midnight in Shanghai.
    readings = building.business.store.readings
    before = Reading(meter_id="met-1", at=building.clock.now(), energy_wh=41_000)
    await building.give("acc-1", 1_000_000, "before")
    await readings.keep([before], "Asia/Shanghai")
    building.clock.advance(hours=5)
    await building.give("acc-1", 5_000_000, "after")
    await readings.keep([replace(before, at=building.clock.now(), energy_wh=47_000)], "Asia/Shanghai")
    jobs = [snapshots.job(building.business, f"s{number}") for number in range(2)]
    for _ in range(2):
        await asyncio.gather(*(job.run() for job in jobs))
    (kept,) = await building.business.store.snapshots.of_account("acc-1", "2026-01-01", "2026-12-31")
    assert (kept.day, kept.balance_micro, kept.seq) == ("2026-03-03", 10_000_000, 2)
    assert [(each.meter_id, each.energy_wh, each.at) for each in kept.registers] == [("met-1", 41_000, before.at)]
    assert await building.business.store.snapshots.newest_day(SITE) == "2026-03-03"


async def test_the_audit_holds_the_books_against_midnight(building: Building) -> None:
    """M2: a balance of the past that the ledger no longer tells as it did is found by the next audit."""
    building.clock.advance(days=1)
    await snapshots.job(building.business, "one").run()
    assert (await audit_ledger(building.business, CLOCK)).clean
    store = building.business.store.snapshots
    (kept,) = await store.of_account("acc-1", "2026-01-01", "2026-12-31")
    other = replace(kept, id="acc-9:2026-03-03", account_id="acc-9", balance_micro=1)
    await store.keep([replace(kept, balance_micro=0), other])
    assert (await audit_ledger(building.business, CLOCK)).mismatches == 1, "what was kept stays; acc-9 has no entry"
    assert (await building.business.store.ledger.head("acc-1")) != Head()


async def test_jobs_of_the_day_are_each_done_once_by_two_schedulers(building: Building) -> None:
    """Y5: over two days of clock jumps, two schedulers with all jobs of the day do each slot once."""
    business = building.business

    async def none() -> list[Ending]:
        return []

    both = [
        [
            fees.job(business, owner),
            retention.job(business, owner),
            reconcile.job(business, owner),
            snapshots.job(business, owner),
            certificates.job(business, owner, "Asia/Shanghai", none),
        ]
        for owner in ("a", "b")
    ]
    for jump_h in (0, 9, -9, 15, 26, -3):
        building.clock.jump(hours=jump_h)
        await asyncio.gather(*(job.run() for jobs in both for job in jobs))
    notes = await business.store.job_runs.notes()
    assert {name: note.result for name, note in notes.items()} == dict.fromkeys(
        ("fees", "retention", "reconcile", "snapshots", "certificates"), "ok"
    )
    kept = await business.store.snapshots.of_account("acc-1", "2026-01-01", "2026-12-31")
    assert set(Counter(each.day for each in kept).values()) == {1}


async def test_ends_are_told_to_owners_once_for_each_mark(building: Building) -> None:
    """N1: whoever owns is told when a mark of days is passed, once, whatever happens in between; others are not."""
    owner, other = await building.operator(role=Role.OWNER), await building.operator(role=Role.FINANCE)
    assert [mark_of(NEVER + timedelta(days=days), NEVER) for days in (31, 30, 8, 7, 1, -4)] == [None, 30, 14, 7, 1, 0]
    ending = Ending(name="CHATWATT_MODBUS_CERTIFICATE_FILE", ends_at=EPOCH + timedelta(days=40))
    new = []
    for _ in range(45):
        new.append(await warn_of_endings(building.business, [ending]))
        assert await warn_of_endings(building.business, [ending]) == 0
        building.clock.advance(days=1)
    assert sum(new) == len(MARKS_D)
    rows = await building.business.store.notices.due(building.clock.now(), 100)
    told = [row.person_id for row in rows if row.kind is NoticeKind.CERTIFICATE_ENDS]
    assert told == [owner.id] * len(MARKS_D)
    assert other.id not in told


async def test_owners_are_told_once_a_day_of_clocks_that_differ(building: Building, clock: ManualClock) -> None:
    """N1, Y4: cuts and jobs that wait for the clock do not wait unseen; whoever owns hears whose clock it is."""
    owner, other = await building.operator(role=Role.OWNER), await building.operator(role=Role.FINANCE)
    apart = timedelta(minutes=-5)

    async def ask() -> datetime:
        return clock.now() + apart

    jobs = [clock_job(building.business, ask, f"host-{number}") for number in range(2)]
    for _ in range(3):
        for job in jobs:
            with pytest.raises(TryAgain, match="clocks_apart"):
                await job.run()
        clock.advance(minutes=1)
    apart = timedelta()
    assert [await job.run() for job in jobs] == [0, 0]
    (row,) = await building.business.store.notices.due(clock.now(), 100)
    assert (row.kind, row.person_id, row.params["apart_s"]) == (NoticeKind.CLOCKS_APART, owner.id, 300)
    assert row.params["machine"] == "host-0"
    apart = timedelta(minutes=2)
    clock.advance(days=1)
    with pytest.raises(TryAgain, match="clocks_apart"):
        await jobs[0].run()
    rows = await building.business.store.notices.due(clock.now(), 100)
    assert [each.person_id for each in rows] == [owner.id] * 2
    assert other.id not in {each.person_id for each in rows}


async def test_a_store_whose_clock_differs_makes_cuts_wait(building: Building, clock: ManualClock) -> None:
    """Y4: when the store's clock and ours are apart cuts wait; they agree again, and cuts go on."""
    trust = ClockTrust()
    business, apart = replace(building.business, trust=trust), timedelta(seconds=20)

    async def ask() -> datetime:
        return clock.now() + apart

    job = clock_job(business, ask, "host-1")
    assert await job.run() == 0
    assert not trust.doubtful(clock.now(), clock.monotonic())
    apart = timedelta(minutes=-5)
    with pytest.raises(TryAgain, match="clocks_apart"):
        await job.run()
    assert trust.doubtful(clock.now(), clock.monotonic())
    apart = timedelta()
    assert await job.run() == 0
    clock.advance(seconds=trust.steady_s + 1)
    assert not trust.doubtful(clock.now(), clock.monotonic())
