"""Deliverers that die, stall or meet: each row of the outbox goes on, and what was delivered stays so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from prepaid.domain.notices import Lane, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address, Person
from prepaid.ports import Business, LaneHold, Outcome
from prepaid.storage import notice_lanes
from prepaid.storage.driver import Database, Document
from prepaid.storage.mongo import store_over
from prepaid.storage.notice_lanes import LaneHold as LaneRows
from prepaid.usecases.deliver_notices import LEASE_S, deliver_notices
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

MANY = 30


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat whose tenant waits for many messages."""
    place = await build(database, clock)
    actor = await place.flat(1)
    for number in range(MANY):
        row = Notice(
            id=f"restored:acc-1:{number:02}:{actor.id}",
            kind=NoticeKind.RESTORED,
            person_id=actor.id,
            account_id="acc-1",
            at=clock.now() + timedelta(milliseconds=number),
        )
        assert await place.business.store.notices.queue(row)
    clock.advance(seconds=1)
    return place


def other(building: Building, database: Database) -> Business:
    """The same outbox as another process sees it, which remembers nothing."""
    return replace(building.business, store=store_over(database, building.clock))


async def held(business: Business) -> LaneHold | None:
    """The prompt lane for as long as a round has it."""
    now = business.clock.now()
    return await business.store.notices.hold(Lane.PROMPT, now, now + timedelta(seconds=LEASE_S))


async def states(business: Business) -> set[NoticeState]:
    """How the rows stand, to whoever reads them."""
    return {row.state for row in await business.store.notices.of_account("acc-1", 100)}


def end(row: Notice, business: Business, state: NoticeState, *, failed: bool = False) -> Outcome:
    """How one went."""
    now = business.clock.now()
    return Outcome(row=row, state=state, at=now, next_at=now + timedelta(seconds=5), failed=failed)


@pytest.mark.parametrize(("noted", "again"), [(False, MANY), (True, 0)])
async def test_a_deliverer_that_dies_is_followed(
    building: Building, database: Database, noted: bool, again: int
) -> None:
    """N1, Y1: dead before the ends were noted, sent or not, or after: its lane is free when its lease ends.

    What may have been sent goes out again under its own id; what was noted is not sent again.
    """
    first, second, chat = building.business, other(building, database), RecordingSender()
    lane = await held(first)
    assert lane is not None
    rows = await lane.take(100)
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert len(rows) == MANY
    if noted:
        await lane.finish([end(row, first, NoticeState.DELIVERED) for row in rows])
        assert await states(second) == {NoticeState.DELIVERED}
    assert await deliver_notices(second, {"chat": chat}) == 0
    building.clock.advance(seconds=LEASE_S)
    assert await deliver_notices(second, {"chat": chat}) == again
    ids = [notice.id for _, notice, _ in chat.sent]
    assert len(ids) == len(set(ids)) == again
    assert await states(second) == {NoticeState.DELIVERED}
    assert await deliver_notices(second, {"chat": chat}) == 0
    settled = await database.collection("notices").count_documents({"state": NoticeState.DELIVERED})
    assert settled == MANY
    assert await database.collection("notice_ends").count_documents({}) == 0


async def test_a_deliverer_that_stalls_past_its_lease_changes_nothing_that_is_decided(
    building: Building, database: Database
) -> None:
    """N1, Y5, F3: it may begin nothing more; its failures are void where another delivered; a delivery is a fact."""
    first, second, chat = building.business, other(building, database), RecordingSender()
    lane = await held(first)
    assert lane is not None
    rows = await lane.take(MANY)
    building.clock.advance(seconds=LEASE_S)
    assert await deliver_notices(second, {"chat": chat}) == MANY
    assert not await lane.keep(first.clock.now(), first.clock.now() + timedelta(seconds=LEASE_S))
    given_up = [end(row, first, NoticeState.EXHAUSTED, failed=True) for row in rows[:15]]
    later = [end(row, first, NoticeState.QUEUED, failed=True) for row in rows[15:]]
    await lane.finish([*given_up, *later])
    await lane.release()
    for _ in range(3):
        building.clock.advance(seconds=10)
        assert await deliver_notices(second, {"chat": chat}) == 0
    assert await states(second) == {NoticeState.DELIVERED}
    assert len(chat.sent) == MANY


async def test_many_deliverers_at_once_send_each_row_once(building: Building, database: Database) -> None:
    """N1, F5: processes that know nothing of one another share one lane: one of them has it, each row goes out once."""
    chat, houses = RecordingSender(), [other(building, database) for _ in range(4)]
    counts = await asyncio.gather(*(deliver_notices(each, {"chat": chat}) for each in houses))
    assert sum(counts) == len(chat.sent) == MANY
    assert [notice.id for _, notice, _ in chat.sent] == sorted(notice.id for _, notice, _ in chat.sent)


async def test_a_round_that_is_called_off_leaves_its_rows_due(building: Building, database: Database) -> None:
    """F4, Y1: cancelled while a channel hangs, the lane is free at once and another sends what was not answered."""
    started, chat, going = asyncio.Event(), RecordingSender(), list[str]()

    class Hanging(RecordingSender):
        async def send(self, *what: object, **more: object) -> str:
            started.set()
            going.append("one")
            try:
                await asyncio.Event().wait()
            finally:
                going.pop()
            return ""

    round_ = asyncio.create_task(deliver_notices(building.business, {"chat": Hanging()}))
    await started.wait()
    round_.cancel()
    await asyncio.gather(round_, return_exceptions=True)
    assert not going  # Nothing is sent by whoever has let go of the lane.
    assert await deliver_notices(other(building, database), {"chat": chat}) == MANY


async def test_a_channel_that_hangs_holds_up_nobody_else(building: Building) -> None:
    """N1, Y3: what becomes due while one person's channel does not answer goes out before that one is given up."""
    hangs, told = asyncio.Event(), asyncio.Event()
    slow = (await building.business.store.notices.of_account("acc-1", 1))[0].person_id
    quick = await building.flat(2)

    class Chat(RecordingSender):
        async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
            if person.id == slow:
                hangs.set()
                await asyncio.Event().wait()
            told.set()
            return await super().send(address, notice, person, reference=reference)

    chat = Chat()
    round_ = asyncio.create_task(deliver_notices(building.business, {"chat": chat}))
    await hangs.wait()
    at = building.clock.now()
    row = Notice(
        id=f"restored:acc-2:1:{quick.id}", kind=NoticeKind.RESTORED, person_id=quick.id, account_id="acc-2", at=at
    )
    assert await building.business.store.notices.queue(row)
    async with asyncio.timeout(30):
        await told.wait()
    assert not round_.done()
    round_.cancel()
    await asyncio.gather(round_, return_exceptions=True)
    assert [notice.id for _, notice, _ in chat.sent] == [row.id]


async def test_a_long_silence_is_read_over_in_few_steps(building: Building, monkeypatch: pytest.MonkeyPatch) -> None:
    """Y3, N1: when nothing was due for months, or the clock leapt, the next message is found in a few questions."""
    business, asked = building.business, []
    plain = LaneRows._between

    async def counted(self: LaneRows, since: datetime, until: datetime) -> list[Document]:
        asked.append(until - since)
        return await plain(self, since, until)

    for _ in range(2):
        await deliver_notices(business, {"chat": RecordingSender()}, lanes=[Lane.PROMPT])
    building.clock.advance(days=240)
    old, now = (await business.store.notices.of_account("acc-1", 1))[0], business.clock.now()
    row = Notice(id="restored:acc-1:l:p", kind=old.kind, person_id=old.person_id, account_id="acc-1", at=now)
    assert await business.store.notices.queue(row)
    monkeypatch.setattr(LaneRows, "_between", counted)
    assert await deliver_notices(business, {"chat": RecordingSender()}, lanes=[Lane.PROMPT]) == 1
    assert 0 < len(asked) < 100


async def test_what_is_read_ahead_while_ends_are_written_on_rows_is_not_sent_again(
    building: Building, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1: rows that another delivered and only noted, read ahead as queued, stay known until that reading is over."""
    first, second = building.business, other(building, database)
    dead = await held(first)
    assert dead is not None
    rows = await dead.take(MANY)
    await dead.finish([end(row, first, NoticeState.DELIVERED) for row in rows[MANY // 2 :]])
    building.clock.advance(seconds=LEASE_S)
    holds, settled = asyncio.Event(), asyncio.Event()
    read, settle = LaneRows._between, LaneRows.settle

    async def slow(self: LaneRows, since: datetime, until: datetime) -> list[Document]:
        found = await read(self, since, until)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2 if holds.is_set() else 0):
                await settled.wait()
        return found

    async def told(self: LaneRows) -> int:
        try:
            return await settle(self)
        finally:
            settled.set()

    monkeypatch.setattr(notice_lanes, "READ_MOST", 12)
    monkeypatch.setattr(notice_lanes, "UNSETTLED_MOST", MANY // 2 + 10)
    monkeypatch.setattr(LaneRows, "_between", slow)
    monkeypatch.setattr(LaneRows, "settle", told)
    lane = await held(second)
    assert lane is not None
    holds.set()
    taken = [*await lane.take(5), *await lane.take(5)]
    await lane.finish([end(row, second, NoticeState.DELIVERED) for row in taken])
    while more := await lane.take(10):
        taken += more
    await lane.release()
    assert settled.is_set()
    assert [row.id for row in taken] == [row.id for row in rows[: MANY // 2]]


@pytest.mark.parametrize("apart_s", [0.1, 86_400.0])
async def test_many_are_read_in_parts_and_each_row_once(
    building: Building, monkeypatch: pytest.MonkeyPatch, apart_s: float
) -> None:
    """N1, Y3: of what was queued in seconds, or in a month, the first are on their way before the others are read.

    Few questions, no row twice.
    """
    chat, business, clock = RecordingSender(), building.business, building.clock
    assert [await deliver_notices(business, {"chat": chat}) for _ in range(2)] == [MANY, 0]  # Told, then settled.
    clock.advance(seconds=60)
    (told, *_), read = chat.sent, list[int]()
    for number in range(MANY):
        row = replace(told[1], id=f"again:{number:02}", at=clock.now(), next_at=None)
        assert await business.store.notices.queue(row)
        clock.advance(seconds=apart_s)
    monkeypatch.setattr(notice_lanes, "AHEAD", 8)
    plain = LaneRows._between

    async def counted(self: LaneRows, since: datetime, until: datetime) -> list[Document]:
        rows = await plain(self, since, until)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(LaneRows, "_between", counted)
    lane = await held(business)
    assert lane is not None
    assert 2 <= sum(read) < MANY / 2
    taken: list[str] = []
    while rows := await lane.take(3):
        taken.extend(row.id for row in rows)
    assert taken == sorted(set(taken))
    assert len(taken) == MANY
    assert len([count for count in read if count]) > 2
    assert len(read) < 40
    await lane.release()


async def test_more_than_one_answer_holds_is_read_from_the_oldest_on(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1: where an answer is full nothing is passed over, whichever rows the store would give first."""
    monkeypatch.setattr(notice_lanes, "READ_MOST", 7)
    lane = await held(building.business)
    assert lane is not None
    taken: list[str] = []
    while rows := await lane.take(4):
        taken.extend(row.id for row in rows)
    assert taken == sorted(set(taken))
    assert len(taken) == MANY
    await lane.release()
