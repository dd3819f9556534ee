"""The outbox: rows with stable ids, claimed by a lease, ended delivered or exhausted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.notices import Notice, NoticeState
from prepaid.ports import Clock
from prepaid.storage.bounded import newest
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

_NOTICES = Mapper(Notice)


class MongoNotices:
    """Implements `prepaid.ports.Notices`. `group` is the id without its person, so that a crossing is one lookup."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._rows = database.collection("notices", durable=True)
        self._threads = database.collection("threads")

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("next_at", 1)])
        await self._rows.create_index([("group", 1)])
        await self._rows.create_index([("account_id", 1), ("at", 1)])

    async def queue(self, notice: Notice) -> bool:
        """True when the id is new."""
        document = _NOTICES.to_doc(notice)
        document["next_at"] = notice.next_at or notice.at
        document["group"] = notice.id.rpartition(":")[0]
        try:
            await self._rows.insert_one(document)
        except DuplicateKey:
            return False
        return True

    async def due(self, now: datetime, limit: int) -> Sequence[Notice]:
        """Queued rows whose time has come, in the order in which they arose."""
        query = {"state": NoticeState.QUEUED, "next_at": {"$lte": now}}
        found = self._rows.find(query, sort=[("next_at", 1)], limit=limit)
        rows = [_NOTICES.from_doc(document) async for document in found]
        return sorted(rows, key=lambda row: row.at)

    async def claim(self, notice: Notice, until: datetime) -> bool:
        """Ours until then, if the row still stands as it was read."""
        query = {"_id": notice.id, "state": NoticeState.QUEUED, "next_at": notice.next_at}
        return (await self._rows.update_one(query, {"$set": {"next_at": until}})).matched_count == 1

    async def done(self, notice_id: str, at: datetime, *, delivered: bool) -> None:
        """The end of a row."""
        state = NoticeState.DELIVERED if delivered else NoticeState.EXHAUSTED
        query = {"_id": notice_id, "state": NoticeState.QUEUED}
        await self._rows.update_one(query, {"$set": {"state": state, "done_at": at}})

    async def later(self, notice_id: str, next_at: datetime) -> None:
        """A failure, and the next try."""
        query = {"_id": notice_id, "state": NoticeState.QUEUED}
        await self._rows.update_one(query, {"$set": {"next_at": next_at}, "$inc": {"attempts": 1}})

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

    async def thread_message(self, order_id: str, person_id: str) -> tuple[str, str] | None:
        """(reference, stage) of the message that shows a payment."""
        row = await self._threads.find_one({"_id": f"{order_id}:{person_id}"})
        return (row["reference"], row["stage"]) if row else None

    async def set_thread_message(self, order_id: str, person_id: str, reference: str, stage: str) -> None:
        """Remembers what a person sees."""
        changes = {"$set": {"reference": reference, "stage": stage}}
        await self._threads.update_one({"_id": f"{order_id}:{person_id}"}, changes, upsert=True)
