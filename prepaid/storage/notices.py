"""The outbox: rows with stable ids, claimed for a while, ended delivered or exhausted."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from pymongo import UpdateOne

from prepaid.domain.delivery import lane_of
from prepaid.domain.errors import TryAgain
from prepaid.domain.notices import Lane, Notice, NoticeState
from prepaid.ports import Clock, Outcome
from prepaid.storage.bounded import RECENT, newest
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper
from prepaid.storage.notice_claims import NoticeClaims

_NOTICES = Mapper(Notice)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
READY = 1_000
"""Due rows that are looked up at once; whoever claims them looks again."""
NARROW, WIDE, WIDEST = timedelta(milliseconds=50), timedelta(seconds=2), timedelta(hours=1)


LATE = timedelta(seconds=5)
"""A row is there so long after the instant that it is due from, at most."""
STEPS_MOST = 40
_Due = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class _Span:
    """Where to look for due rows next. Only a hint: losing it costs one slow question."""

    since: datetime
    width: timedelta


class MongoNotices:
    """Implements `prepaid.ports.Notices`. `group` is the id without its person, so that a crossing is one lookup."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._rows = database.collection("notices", durable=True)
        self._threads = database.collection("threads")
        self._claims = NoticeClaims(database)
        self._spans: dict[Lane, _Span] = {}
        self._ready: dict[Lane, deque[_Due]] = {}

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("lane", 1), ("next_at", 1)])
        await self._rows.create_index([("state", 1), ("done_at", 1)])
        await self._rows.create_index([("group", 1)])
        await self._rows.create_index([("account_id", 1), ("at", 1)])
        await self._rows.create_index([("person_id", 1), ("at", 1)])
        await self._claims.migrate()

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
        """Claims the spans in which some due rows lie; then reads what has ended, and only then the rows."""
        await self._claims.settle(lane, forced=True)
        due = await self._next_due(lane, now, limit)
        batch = await self._claims.claim(lane, due, now, until)
        if not batch.open:
            return ()
        ended = await self._claims.delivered(lane)
        times = [due[row_id] for row_id in batch.open]
        # By their span of time: the embedded store takes five times as long by their keys.
        rows = await self._between(lane, min(times), max(times), READY)
        # Due at the time by which it was claimed: one that came back since belongs to another span.
        fresh = [
            row
            for row in rows
            if row["_id"] in batch.open and row["_id"] not in ended and row["next_at"] == due[row["_id"]]
        ]
        await self._claims.keep_only(batch, [row["_id"] for row in fresh])
        place = {notice_id: number for number, notice_id in enumerate(due)}
        return sorted((_NOTICES.from_doc(row) for row in fresh), key=lambda row: (row.at, place[row.id]))

    async def tidy(self, lane: Lane) -> None:
        """The rows of one batch."""
        await self._claims.settle(lane)

    async def _next_due(self, lane: Lane, now: datetime, limit: int) -> dict[str, datetime]:
        """Some due rows (id to due time), from those that were found a moment ago while there are any."""
        ready = self._ready.setdefault(lane, deque())
        if not ready:
            ready.extend(await self._look(lane, now))
        return dict(ready.popleft() for _ in range(min(limit, len(ready))))

    async def _look(self, lane: Lane, now: datetime) -> list[_Due]:
        """Due rows that nobody has told us the end of. While many wait, from where the last ones were found.

        The embedded store reads all that a filter matches, whatever the limit. Any due rows will do, so a span that
        moves on keeps a look as cheap as with few; where nothing is found all that wait are asked for.
        """
        ended = await self._claims.delivered(lane)
        for _ in range(STEPS_MOST):
            span = self._spans.get(lane)
            since = LONG_AGO if span is None else span.since
            until = now if span is None else min(now, span.since + span.width)
            rows = await self._between(lane, since, until, READY, {"_id": 1, "next_at": 1})
            self._spans[lane] = _next_span(span, rows, until)
            found = [
                (row["_id"], row["next_at"])
                for row in rows
                if row["_id"] not in ended and not self._claims.is_ours(row["_id"])
            ]
            if until == now and len(rows) < READY:
                # That was all, and what comes next may come anywhere; but while rows wait to be brought up to date,
                # asking for all would find those, so only what came a little late is asked for.
                if ended:
                    self._spans[lane] = _Span(now - LATE, WIDE)
                else:
                    del self._spans[lane]
            if found or until == now:
                return sorted(found, key=lambda due: due[1])
        return []

    async def _between(
        self, lane: Lane, since: datetime, until: datetime, limit: int, fields: Mapping[str, int] | None = None
    ) -> list[Document]:
        """By halves where there is too much for one answer."""
        query = {"state": NoticeState.QUEUED, "lane": lane, "next_at": {"$gte": since, "$lte": until}}
        try:
            return await self._rows.find_list(query, fields, limit=limit)
        except TryAgain:
            if until - since <= WIDE:
                raise
            middle = since + (until - since) / 2
            earlier = await self._between(lane, since, middle, limit, fields)
            return earlier or await self._between(lane, middle, until, limit, fields)

    async def finish(self, ends: Sequence[Outcome]) -> None:
        """The others in one bulk, then the plain deliveries of a batch in one row."""
        plain = [end for end in ends if end.state is NoticeState.DELIVERED and end.row.waits_for is None]
        done = {id(end) for end in plain}
        others = [end for end in ends if id(end) not in done]
        if others:
            await self._rows.bulk_write([_operation(end) for end in others])
        at = plain[0].at if plain else self._clock.now()
        await self._claims.end([end.row.id for end in plain], [end.row.id for end in others], at)

    async def exhausted(self, limit: int) -> Sequence[Notice]:
        """Newest first."""
        query = {"state": NoticeState.EXHAUSTED}
        found = await newest(self._rows, query, "done_at", limit=limit, now=self._clock.now())
        return [_NOTICES.from_doc(document) for document in found]

    async def get(self, notice_id: str) -> Notice | None:
        """One row."""
        row = await self._rows.find_one({"_id": notice_id})
        return None if row is None else (await self._as_ended([_NOTICES.from_doc(row)]))[0]

    async def again(self, notice_id: str, at: datetime) -> bool:
        """From the first rung on."""
        query = {"_id": notice_id, "state": NoticeState.EXHAUSTED}
        fresh = {"state": NoticeState.QUEUED, "next_at": at, "attempts": 0, "tried": [], "waits_for": None, "why": ""}
        change = {"$set": {**fresh, "done_at": None}}
        return (await self._rows.update_one(query, change)).matched_count == 1

    async def find(self, prefix: str) -> Sequence[Notice]:
        """The rows of one crossing, all persons."""
        found = self._rows.find({"group": prefix.rstrip(":")}, limit=100)
        return await self._as_ended([_NOTICES.from_doc(document) async for document in found])

    async def among(self, notice_ids: Sequence[str]) -> frozenset[str]:
        """By their keys, in one query."""
        rows = await self._rows.find_list({"_id": {"$in": list(notice_ids)}}, {"_id": 1}, limit=len(notice_ids))
        return frozenset(str(row["_id"]) for row in rows)

    async def of_account(self, account_id: str, limit: int) -> Sequence[Notice]:
        """Newest first."""
        found = await newest(self._rows, {"account_id": account_id}, "at", limit=limit, now=self._clock.now())
        return await self._as_ended([_NOTICES.from_doc(document) for document in found])

    async def _as_ended(self, rows: list[Notice]) -> list[Notice]:
        """Queued rows that have ended and do not say so yet, as they are."""
        if all(row.state is not NoticeState.QUEUED for row in rows):
            return rows
        ended = await self._claims.delivered()
        return [
            replace(row, state=NoticeState.DELIVERED, done_at=ended[row.id])
            if row.state is NoticeState.QUEUED and row.id in ended
            else row
            for row in rows
        ]

    async def of_person(
        self, person_id: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Notice]:
        """Newest first, those of one instant by their ids; recent ones are looked for first."""
        query: Document = {"person_id": person_id}
        order = [("at", -1), ("_id", -1)]
        found: list[Document] = []
        newer: Document = {}
        since = self._clock.now() - RECENT
        if before is not None:
            at, last = before
            newer, since = {"$lt": at}, at - RECENT
            found = await self._rows.find_list({**query, "at": at, "_id": {"$lt": last}}, sort=order[1:], limit=limit)
        for span in ({"$gte": since, **newer}, {"$lt": since}):
            if len(found) < limit:
                found += await self._rows.find_list({**query, "at": span}, sort=order, limit=limit - len(found))
        return await self._as_ended([_NOTICES.from_doc(document) for document in found])

    async def thread_message(self, order_id: str, person_id: str) -> tuple[str, str] | None:
        """(reference, stage) of the message that shows a payment."""
        row = await self._threads.find_one({"_id": f"{order_id}:{person_id}"})
        return (row["reference"], row["stage"]) if row else None

    async def set_thread_message(self, order_id: str, person_id: str, reference: str, stage: str) -> None:
        """Remembers what a person sees."""
        changes = {"$set": {"reference": reference, "stage": stage}}
        await self._threads.update_one({"_id": f"{order_id}:{person_id}"}, changes, upsert=True)


def _next_span(span: _Span | None, rows: Sequence[Document], until: datetime) -> _Span:
    """Onwards from the last row that was found; wider where there was little, narrower where there was too much."""
    width = WIDE if span is None else span.width * 2
    if len(rows) >= READY:
        return _Span(max(row["next_at"] for row in rows), max(width / 4, NARROW))
    return _Span(until, min(width, WIDEST))


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
    # Only as it was taken: a row that ran out and went otherwise meanwhile has another time.
    query = {"_id": end.row.id, "state": NoticeState.QUEUED, "next_at": end.row.next_at}
    return UpdateOne(query, change)
