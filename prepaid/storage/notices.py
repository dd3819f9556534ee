"""The outbox: rows with stable ids, each lane leased to one deliverer, ended delivered or exhausted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from prepaid.domain.delivery import lane_of
from prepaid.domain.notices import Lane, Notice, NoticeState
from prepaid.ports import Clock
from prepaid.storage.bounded import RECENT, newest
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper
from prepaid.storage.notice_lanes import LaneHold, NoticeLanes

_NOTICES = Mapper(Notice)

MOST_AT_ONCE = 500
"""Messages that one person gets in one instant, at the most."""


class MongoNotices:
    """Implements `prepaid.ports.Notices`. `group` is the id without its person, so that a crossing is one lookup."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._rows = database.collection("notices", durable=True)
        self._threads = database.collection("threads")
        self._lanes = NoticeLanes(database, clock)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("lane", 1), ("next_at", 1)])
        await self._rows.create_index([("state", 1), ("done_at", 1)])
        await self._rows.create_index([("group", 1)])
        await self._rows.create_index([("account_id", 1), ("at", 1)])
        await self._rows.create_index([("person_id", 1), ("at", 1)])
        await self._lanes.migrate()

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
        self._lanes.note_queued(document["lane"])
        return True

    async def due(self, now: datetime, limit: int, lane: Lane = Lane.PROMPT) -> Sequence[Notice]:
        """Found in the order of the index, which is that of their time: sorting would read all that wait."""
        query = {"state": NoticeState.QUEUED, "lane": lane, "next_at": {"$lte": now}}
        rows = await self._rows.find_list(query, limit=limit)
        return sorted((_NOTICES.from_doc(row) for row in rows), key=_arose)

    async def hold(self, lane: Lane, now: datetime, until: datetime) -> LaneHold | None:
        """A lease on the lane, where something is due."""
        return await self._lanes.hold(lane, now, until)

    async def exhausted(self, limit: int, sites: Sequence[str] | None = None) -> Sequence[Notice]:
        """Newest first."""
        query: Document = {"state": NoticeState.EXHAUSTED, "dropped_at": None}
        if sites is not None:
            query["params.site_id"] = {"$in": list(sites)}
        found = await newest(self._rows, query, "done_at", limit=limit, now=self._clock.now())
        return [_NOTICES.from_doc(document) for document in found]

    async def get(self, notice_id: str) -> Notice | None:
        """One row."""
        return _NOTICES.optional(await self._rows.find_one({"_id": notice_id}))

    async def drop(self, notice_id: str, at: datetime) -> bool:
        """Still exhausted, for whatever waited for its end."""
        query = {"_id": notice_id, "state": NoticeState.EXHAUSTED, "dropped_at": None}
        return (await self._rows.update_one(query, {"$set": {"dropped_at": at}})).matched_count == 1

    async def again(self, notice_id: str, at: datetime) -> bool:
        """From the first rung on."""
        query = {"_id": notice_id, "state": NoticeState.EXHAUSTED, "dropped_at": None}
        fresh = {"state": NoticeState.QUEUED, "next_at": at, "attempts": 0, "tried": [], "waits_for": None, "why": ""}
        change = {"$set": {**fresh, "held_since": None, "done_at": None}}
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
        return await self._as_ended([_NOTICES.from_doc(document) for document in found])

    async def _as_ended(self, rows: list[Notice]) -> list[Notice]:
        """Queued rows that were delivered and do not say so yet, as they are."""
        if all(row.state is not NoticeState.QUEUED for row in rows):
            return rows
        ended = await self._lanes.delivered()
        return [
            replace(row, state=NoticeState.DELIVERED, done_at=ended[row.id])
            if row.state is NoticeState.QUEUED and row.id in ended
            else row
            for row in rows
        ]

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
        return await self._as_ended([_NOTICES.from_doc(document) for document in found])

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
