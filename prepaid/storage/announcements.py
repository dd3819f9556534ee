"""Announcements: the document is the commit, the rows of the outbox follow from it however often they are made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.announcements import Announcement
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

_ANNOUNCEMENTS = Mapper(Announcement)
_OPEN = {"told_at": None}


class MongoAnnouncements:
    """Implements `prepaid.ports.Announcements`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("announcements", durable=True)

    async def migrate(self) -> None:
        """Creates the index."""
        await self._rows.create_index([("told_at", 1), ("at", 1)])

    async def begin(self, announcement: Announcement) -> Announcement:
        """By its id: of two that are sent at once the first one holds."""
        try:
            await self._rows.insert_one(_ANNOUNCEMENTS.to_doc(announcement))
        except DuplicateKey:
            return _ANNOUNCEMENTS.optional(await self._rows.find_one({"_id": announcement.id})) or announcement
        return announcement

    async def told(self, announcement_id: str, at: datetime) -> bool:
        """Only from "not told": who told the last of them is known."""
        done = await self._rows.update_one({"_id": announcement_id, **_OPEN}, {"$set": {"told_at": at}})
        return done.matched_count == 1

    async def unfinished(self, before: datetime, limit: int) -> Sequence[Announcement]:
        """Oldest first."""
        found = await self._rows.find_list({**_OPEN, "at": {"$lt": before}}, sort=[("at", 1)], limit=limit)
        return [_ANNOUNCEMENTS.from_doc(document) for document in found]
