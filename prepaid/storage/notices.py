"""The outbox: rows with stable ids, claimed by a lease, ended delivered or exhausted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from pymongo import UpdateOne

from prepaid.domain.delivery import lane_of
from prepaid.domain.errors import TryAgain
from prepaid.domain.notices import Lane, Notice, NoticeState
from prepaid.ports import Clock, Outcome
from prepaid.storage.bounded import RECENT, newest
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

_NOTICES = Mapper(Notice)

MOST_AT_ONCE = 500
"""Messages that one person gets in one instant, at the most."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NARROW, WIDE = timedelta(milliseconds=50), timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class _Span:
    """Where due rows were last found in plenty. Only a hint: losing it costs one slow question."""

    since: datetime
    width: timedelta


class MongoNotices:
    """Implements `prepaid.ports.Notices`. `group` is the id without its person, so that a crossing is one lookup."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._rows = database.collection("notices", durable=True)
        self._threads = database.collection("threads")
        self._spans: dict[Lane, _Span] = {}

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("lane", 1), ("next_at", 1)])
        await self._rows.create_index([("state", 1), ("done_at", 1)])
        await self._rows.create_index([("group", 1)])
        await self._rows.create_index([("account_id", 1), ("at", 1)])
        await self._rows.create_index([("person_id", 1), ("at", 1)])

    async def queue(self, notice: Notice) -> bool:
        """True when the id is new."""
        document = _NOTICES.to_doc(notice)
        document["next_at"] = notice.next_at or notice.at
        document["lane"] = lane_of(notice.kind)
        document["group"] = notice.id.rpartition(":")[0]
        try:
            await self._rows.insert_one(document)
        except DuplicateKey:
            return False
        return True

    async def due(self, now: datetime, limit: int, lane: Lane = Lane.PROMPT) -> Sequence[Notice]:
        """Found in the order of the index, which is that of their time: sorting would read all that wait."""
        query = {"state": NoticeState.QUEUED, "lane": lane, "next_at": {"$lte": now}}
        rows = await self._rows.find_list(query, limit=limit)
        return sorted((_NOTICES.from_doc(row) for row in rows), key=_arose)

    async def take(self, now: datetime, until: datetime, limit: int, lane: Lane = Lane.PROMPT) -> Sequence[Notice]:
        """Three commands for a whole batch: which are due, a lease on those that still are, and what was leased."""
        query = {"state": NoticeState.QUEUED, "lane": lane, "next_at": {"$lte": now}}
        ids = await self._due_ids(lane, now, limit)
        if not ids:
            return ()
        lease = secrets.token_hex(8)
        await self._rows.update_many({"_id": {"$in": ids}, **query}, {"$set": {"next_at": until, "lease": lease}})
        rows = await self._rows.find_list({"_id": {"$in": ids}}, limit=len(ids))
        taken = [_NOTICES.from_doc(row) for row in rows if row.get("lease") == lease]
        place = {notice_id: number for number, notice_id in enumerate(ids)}
        return sorted(taken, key=lambda row: (row.at, place[row.id]))

    async def _due_ids(self, lane: Lane, now: datetime, limit: int) -> list[str]:
        """Some due rows of a lane. While many wait, those of a small span of time are asked for.

        The embedded store reads all that a filter matches, whatever the limit. Any due rows will do, so a span that
        follows where rows were last found keeps a claim as cheap as with few; an empty span ends in asking for all.
        """
        span = self._spans.get(lane)
        if span is not None:
            until = min(now, span.since + span.width)
            rows = await self._between(lane, span.since, until, limit)
            if rows or until < now:
                width = span.width / 2 if len(rows) >= limit else span.width * 2
                since = span.since if len(rows) >= limit else until
                self._spans[lane] = _Span(since, min(max(width, NARROW), WIDE))
            else:
                del self._spans[lane]
            if rows:
                return [row["_id"] for row in rows]
        rows = await self._between(lane, LONG_AGO, now, limit)
        if len(rows) >= limit:
            self._spans[lane] = _Span(min(row["next_at"] for row in rows), WIDE)
        else:
            self._spans.pop(lane, None)
        return [row["_id"] for row in rows]

    async def _between(self, lane: Lane, since: datetime, until: datetime, limit: int) -> list[Document]:
        """By halves where there is too much for one answer."""
        query = {"state": NoticeState.QUEUED, "lane": lane, "next_at": {"$gte": since, "$lte": until}}
        try:
            return await self._rows.find_list(query, {"_id": 1, "next_at": 1}, limit=limit)
        except TryAgain:
            if until - since <= WIDE:
                raise
            middle = since + (until - since) / 2
            return await self._between(lane, since, middle, limit) or await self._between(lane, middle, until, limit)

    async def finish(self, ends: Sequence[Outcome]) -> None:
        """The plain deliveries in one command, the others in one bulk."""
        plain = [end for end in ends if end.state is NoticeState.DELIVERED and end.row.waits_for is None]
        if plain:
            query = {"_id": {"$in": [end.row.id for end in plain]}, "state": NoticeState.QUEUED}
            await self._rows.update_many(query, {"$set": {"state": NoticeState.DELIVERED, "done_at": plain[0].at}})
        done = {id(end) for end in plain}
        others = [_operation(end) for end in ends if id(end) not in done]
        if others:
            await self._rows.bulk_write(others)

    async def exhausted(self, limit: int) -> Sequence[Notice]:
        """Newest first."""
        query = {"state": NoticeState.EXHAUSTED}
        found = await newest(self._rows, query, "done_at", limit=limit, now=self._clock.now())
        return [_NOTICES.from_doc(document) for document in found]

    async def get(self, notice_id: str) -> Notice | None:
        """One row."""
        return _NOTICES.optional(await self._rows.find_one({"_id": notice_id}))

    async def again(self, notice_id: str, at: datetime) -> bool:
        """From the first rung on."""
        query = {"_id": notice_id, "state": NoticeState.EXHAUSTED}
        fresh = {"state": NoticeState.QUEUED, "next_at": at, "attempts": 0, "tried": [], "waits_for": None, "why": ""}
        change = {"$set": {**fresh, "done_at": None}}
        return (await self._rows.update_one(query, change)).matched_count == 1

    async def find(self, prefix: str) -> Sequence[Notice]:
        """The rows of one crossing, all persons."""
        found = self._rows.find({"group": prefix.rstrip(":")}, limit=100)
        return [_NOTICES.from_doc(document) async for document in found]

    async def among(self, notice_ids: Sequence[str]) -> frozenset[str]:
        """By their keys, in one query."""
        rows = await self._rows.find_list({"_id": {"$in": list(notice_ids)}}, {"_id": 1}, limit=len(notice_ids))
        return frozenset(str(row["_id"]) for row in rows)

    async def of_account(self, account_id: str, limit: int) -> Sequence[Notice]:
        """Newest first."""
        found = await newest(self._rows, {"account_id": account_id}, "at", limit=limit, now=self._clock.now())
        return [_NOTICES.from_doc(document) for document in found]

    async def of_person(
        self, person_id: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Notice]:
        """Newest first, those of one instant by their ids; recent ones are looked for first.

        The store orders by time alone, for which it has an index; what shares an instant is few and is ordered here.
        """
        found: list[Document] = []
        newer: Document = {}
        since = self._clock.now() - RECENT
        if before is not None:
            at, last = before
            newer, since = {"$lt": at}, at - RECENT
            found = [row for row in await self._at_once(person_id, at) if row["_id"] < last][:limit]
        for span in ({"$gte": since, **newer}, {"$lt": since}):
            left = limit - len(found)
            if left <= 0:
                break
            query = {"person_id": person_id, "at": span}
            rows = await self._rows.find_list(query, sort=[("at", -1)], limit=left)
            if len(rows) == left:
                # The page may end within an instant: which of its rows belong here is for their ids to say.
                ends_at = rows[-1]["at"]
                rows = [row for row in rows if row["at"] != ends_at] + await self._at_once(person_id, ends_at)
            found += sorted(rows, key=lambda row: (row["at"], row["_id"]), reverse=True)[:left]
        return [_NOTICES.from_doc(document) for document in found]

    async def _at_once(self, person_id: str, at: datetime) -> list[Document]:
        """All that a person was told at one instant, highest id first."""
        rows = await self._rows.find_list({"person_id": person_id, "at": at}, limit=MOST_AT_ONCE)
        return sorted(rows, key=lambda row: str(row["_id"]), reverse=True)

    async def thread_message(self, order_id: str, person_id: str) -> tuple[str, str] | None:
        """(reference, stage) of the message that shows a payment."""
        row = await self._threads.find_one({"_id": f"{order_id}:{person_id}"})
        return (row["reference"], row["stage"]) if row else None

    async def set_thread_message(self, order_id: str, person_id: str, reference: str, stage: str) -> None:
        """Remembers what a person sees."""
        changes = {"$set": {"reference": reference, "stage": stage}}
        await self._threads.update_one({"_id": f"{order_id}:{person_id}"}, changes, upsert=True)


def _arose(row: Notice) -> datetime:
    return row.at


def _operation(end: Outcome) -> UpdateOne:
    """Only while the row is queued: whoever ended it has the last word."""
    values: Document = {
        "state": end.state,
        "tried": list(end.tried),
        "waits_for": None if end.waits_for is None else asdict(end.waits_for),
        "why": end.why,
    }
    if end.state is NoticeState.QUEUED:
        values["next_at"] = end.next_at
    else:
        values["done_at"] = end.at
    change: Document = {"$set": values}
    if end.failed:
        change["$inc"] = {"attempts": 1}
    # The next time that we set ourselves is our lease: a row that ran out and was taken again has another.
    query = {"_id": end.row.id, "state": NoticeState.QUEUED, "next_at": end.row.next_at}
    return UpdateOne(query, change)
