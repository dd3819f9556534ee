"""One lane of the outbox in the hands of one deliverer: which rows are due, and how they ended.

An update is the dearest thing that the embedded store does: two milliseconds for each document, fifty times what a
place in an insert costs. So no row is written to be claimed: whoever holds the lane's lease takes its rows, read once
in the order of their time from a mark on. The ends of many rows are one row that names them; each row is brought up to
date when nothing is due. Until then a queued row that an end names counts as delivered.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from pymongo import UpdateOne

from prepaid.domain.errors import TryAgain
from prepaid.domain.notices import ENDS_MATTER, Lane, Notice, NoticeState
from prepaid.ports import Clock, Outcome
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

_NOTICES = Mapper(Notice)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATE = timedelta(seconds=5)
"""A row is there so long after the instant that it is due from, at most; what comes later still, a full look finds."""
NARROW, WIDE = timedelta(milliseconds=20), timedelta(minutes=1)
AHEAD = 300
"""About so many rows are read at once."""
FIRST = 0.25
"""Of that by who has just begun, so that the first are soon on their way."""
READ_MOST = 20_000
FULL_LOOK_S = 60.0
FEW = 8
"""So few ends are written on their rows at once."""
UNSETTLED_MOST = 5_000
"""So many rows may wait to be brought up to date. Delivering waits for the rest (Y3)."""
SETTLE_AT_ONCE = 100
ENDS_READ = 1_000


class Burst(NamedTuple):
    """Much that this process queued, and how long a part of that holds about as many rows as are read at once."""

    since: datetime
    until: datetime
    width: timedelta


class NoticeLanes:
    """The lanes of one store, and what was delivered a moment ago."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock, self.ping = clock, database.ping
        self.rows = database.collection("notices", durable=True)
        self.lanes = database.collection("notice_lanes", durable=True)
        self.ends = database.collection("notice_ends", durable=True)
        self.looked_s: dict[Lane, float] = {}
        self.widths: dict[Lane, timedelta] = {}
        self._queued: dict[Lane, tuple[datetime, int]] = {}

    async def migrate(self) -> None:
        """Creates the index, and a row for each lane: from now on where nothing was ever queued."""
        await self.ends.create_index([("lane", 1)])
        fresh = await self.rows.find_one({}, {"_id": 1}) is None
        for lane in Lane:
            await self._begun(lane, self.clock.now() - LATE if fresh else LONG_AGO)

    def note_queued(self, lane: Lane) -> None:
        """Counts what this process has queued since somebody looked."""
        since, count = self._queued.get(lane) or (self.clock.now(), 0)
        self._queued[lane] = since, count + 1

    def burst(self, lane: Lane, now: datetime) -> Burst | None:
        """What this process has queued since somebody looked, where that was much; the count begins anew."""
        since, count = self._queued.pop(lane, (now, 0))
        return Burst(since, now, max((now - since) * AHEAD / count, NARROW)) if count > AHEAD else None

    async def _begun(self, lane: Lane, since: datetime) -> Document:
        row = {"_id": lane, "holder": "", "token": 0, "until": LONG_AGO, "since": since}
        with suppress(DuplicateKey):
            await self.lanes.insert_one(row)
        return row

    async def hold(self, lane: Lane, now: datetime, until: datetime) -> LaneHold | None:
        """The lane until then, or None while another deliverer has it or nothing is due."""
        row = await self.lanes.find_one({"_id": lane}) or await self._begun(lane, LONG_AGO)
        if row["until"] > now:
            return None
        # Nobody else can have had the lane since then if the lease below is given, so what is read now still holds.
        found = await self.ends.find_list({"lane": lane}, limit=ENDS_READ)
        ended = {row_id for end in found for row_id in end["ids"]}
        held = LaneHold(self, lane, since=min(row["since"], now - LATE), ended=ended)
        if not await held.look(now, FIRST) and not ended:
            return None
        query = {"_id": lane, "until": row["until"], "token": row["token"]}
        taken = {"$set": {"holder": held.holder, "until": until}, "$inc": {"token": 1}}
        return held if (await self.lanes.update_one(query, taken)).matched_count == 1 else None

    async def delivered(self) -> dict[str, datetime]:
        """Rows that have ended and do not say so yet, with the instant."""
        found = await self.ends.find_list({"lane": {"$in": list(Lane)}}, limit=ENDS_READ)
        return {row_id: row["at"] for row in found for row_id in row["ids"]}


class LaneHold:
    """Implements `prepaid.ports.LaneHold`: the rows of a lane while its lease lasts."""

    def __init__(self, store: NoticeLanes, lane: Lane, *, since: datetime, ended: set[str]) -> None:
        self.holder = secrets.token_hex(8)
        self._store, self._lane, self._since, self._ended = store, lane, since, ended
        self._ready: deque[Document] = deque()
        self._open: dict[str, datetime] = {}
        self._taken: dict[str, datetime] = {}
        self._ahead: asyncio.Task[bool] | None = None
        self._burst: Burst | None = None

    async def take(self, limit: int) -> Sequence[Notice]:
        """The next due rows, oldest first, each once while it is held. More are read while these are worked on."""
        many = len(self._ended) >= UNSETTLED_MOST
        if self._ahead is not None and (many or not self._ready or self._ahead.done()):
            ahead, self._ahead = self._ahead, None
            await ahead  # What it read before an end was written on its row is held against the ends that are known.
        if many:
            await self.settle()
        if not self._ready:
            await self.look(self._store.clock.now())
        rows = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        if rows and self._open and self._ahead is None and len(self._ready) < AHEAD:
            self._ahead = asyncio.create_task(self.look(self._store.clock.now()))
        self._open |= {row["_id"]: row["next_at"] for row in rows}
        return [_NOTICES.from_doc(row) for row in rows]

    async def look(self, now: datetime, part: float = 1.0) -> bool:
        """Reads on from the mark until something due is found that is not known yet; in the end, now and then, all.

        `part`: of what is read at once otherwise. Whether something is there to be taken.
        """
        self._since = min(self._since, now)
        self._burst = self._store.burst(self._lane, now) or self._burst
        width, found = self._store.widths.get(self._lane, NARROW) * part, False
        while not found or (self._in_burst() and len(self._ready) < part * AHEAD):
            until = now if self._since == LONG_AGO else min(now, self._since + self._step(width, part))
            rows = await self._between(self._since, until)
            width = _width(until - self._since, len(rows))
            whole = len(rows) < READ_MOST or rows[-1]["next_at"] <= self._since
            self._since = until if whole else rows[-1]["next_at"]
            found = self._add(rows) or found
            if until == now and whole:
                break
        self._store.widths[self._lane] = width
        if not self._ready and self._time_to_look():
            self._add(await self._between(LONG_AGO, now))
            self._store.looked_s[self._lane] = self._store.clock.monotonic()
        return bool(self._ready)

    def _step(self, width: timedelta, part: float) -> timedelta:
        """What holds so many rows where this very process has queued much: sending begins while the rest is read.

        Else without limit: after a long silence the steps have to grow, or there would be thousands.
        """
        burst = self._burst
        if burst is None or not self._in_burst():
            return width
        return burst.width * part if self._since >= burst.since else min(width, burst.since - self._since)

    def _in_burst(self) -> bool:
        return self._burst is not None and self._since < self._burst.until

    def _time_to_look(self) -> bool:
        last = self._store.looked_s.get(self._lane)
        passed = last is None or self._store.clock.monotonic() - last >= FULL_LOOK_S
        return passed and not self._ended

    def _add(self, rows: Sequence[Document]) -> bool:
        """Not what was taken already at that very time: it may have been read while its end was being written."""
        before = len(self._ready)
        for row in rows:
            if row["_id"] not in self._ended and self._taken.get(row["_id"]) != row["next_at"]:
                self._taken[row["_id"]] = row["next_at"]
                self._ready.append(row)
        return len(self._ready) > before

    async def _between(self, since: datetime, until: datetime) -> list[Document]:
        """In the order of their time; by halves where there is too much for one answer."""
        query = {"state": NoticeState.QUEUED, "lane": self._lane, "next_at": {"$gte": since, "$lte": until}}
        try:
            rows = await self._store.rows.find_list(query, limit=READ_MOST)
            if len(rows) < READ_MOST:  # All of them. To order them there takes an eighth of the embedded store's time.
                return sorted(rows, key=itemgetter("next_at"))
            return await self._store.rows.find_list(query, sort=[("next_at", 1)], limit=READ_MOST)
        except TryAgain:
            await self._store.ping()  # A store that is away has no shorter answer either.
            if until - since <= NARROW:
                raise
            middle = since + (until - since) / 2
            earlier = await self._between(since, middle)
            return earlier if len(earlier) >= READ_MOST else earlier + await self._between(middle, until)

    async def finish(self, ends: Sequence[Outcome]) -> None:
        """Many plain deliveries in one row that names them, the others on their rows."""
        plain = [end for end in ends if _is_plain(end)]
        if len(plain) <= FEW:
            plain = []
        named = {end.row.id for end in plain}
        others = [end for end in ends if end.row.id not in named]
        await self._on_rows(others)
        if plain:
            row = {"_id": secrets.token_hex(8), "lane": self._lane, "ids": sorted(named), "at": plain[0].at}
            await self._store.ends.insert_one(row)
            self._ended |= named
        for end in ends:
            self._open.pop(end.row.id, None)

    async def _on_rows(self, ends: Sequence[Outcome]) -> None:
        done = [end for end in ends if end.state is NoticeState.DELIVERED and end.row.waits_for is None]
        if done:
            await _delivered(self._store, [end.row.id for end in done], done[0].at)
        rest = [_operation(end) for end in ends if end not in done]
        if rest:
            await self._store.rows.bulk_write(rest)

    async def settle(self) -> int:
        """Brings the rows of one end up to date; returns how many, 0 when there is none."""
        for row in await self._store.ends.find_list({"lane": self._lane}, limit=1):
            for first in range(0, len(row["ids"]), SETTLE_AT_ONCE):
                await _delivered(self._store, row["ids"][first : first + SETTLE_AT_ONCE], row["at"])
            await self._store.ends.delete_one({"_id": row["_id"]})
            self._ended -= set(row["ids"])
            return len(row["ids"])
        return 0

    async def keep(self, now: datetime, until: datetime) -> bool:
        """Renews the lease. False when its time ran out: another may have the rows."""
        query = {"_id": self._lane, "holder": self.holder, "until": {"$gt": now}}
        changes = {"$set": {"until": until, "since": self._mark()}}
        return (await self._store.lanes.update_one(query, changes)).matched_count == 1

    async def release(self) -> None:
        """Lets go, and leaves the mark from which the next deliverer reads."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        changes = {"$set": {"until": LONG_AGO, "since": self._mark()}}
        await self._store.lanes.update_one({"_id": self._lane, "holder": self.holder}, changes)

    def _mark(self) -> datetime:
        """Whatever is due and not ended lies at or after this."""
        waiting: list[datetime] = [row["next_at"] for row in self._ready]
        return min([self._since, self._store.clock.now() - LATE, *self._open.values(), *waiting])


def _width(span: timedelta, found: int) -> timedelta:
    """Wider where there was little, narrower where there was much."""
    if found == 0:
        return max(span * 4, NARROW)
    return min(max(span * AHEAD / max(found, AHEAD // 4), NARROW), WIDE)


def _is_plain(end: Outcome) -> bool:
    return end.state is NoticeState.DELIVERED and end.row.waits_for is None and end.row.kind not in ENDS_MATTER


async def _delivered(store: NoticeLanes, row_ids: Sequence[str], at: datetime) -> None:
    """A delivery is a fact, whoever gave the row up meanwhile."""
    query = {"_id": {"$in": list(row_ids)}, "state": {"$in": [NoticeState.QUEUED, NoticeState.EXHAUSTED]}}
    await store.rows.update_many(query, {"$set": {"state": NoticeState.DELIVERED, "done_at": at}})


def _operation(end: Outcome) -> UpdateOne:
    """Only while the row is as it was taken: whoever ended it, or let it wait, has the last word."""
    values: Document = {
        "state": end.state,
        "tried": list(end.tried),
        "waits_for": None if end.waits_for is None else asdict(end.waits_for),
        "held_since": end.held_since,
        "why": end.why,
    }
    if end.state is NoticeState.QUEUED:
        values["next_at"] = end.next_at
    else:
        values["done_at"] = end.at
    change: Document = {"$set": values}
    if end.failed:
        change["$inc"] = {"attempts": 1}
    return UpdateOne({"_id": end.row.id, "state": NoticeState.QUEUED, "next_at": end.row.next_at}, change)
