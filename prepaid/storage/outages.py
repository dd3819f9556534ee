"""Planned outages: the document is the commit, what people are told follows from it however often it is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.outages import Outage, Telling
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

_OUTAGES = Mapper(Outage)


class MongoOutages:
    """Implements `prepaid.ports.Outages`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("outages", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("site_id", 1), ("until", 1)])
        await self._rows.create_index([("until", 1)])

    async def begin(self, outage: Outage) -> Outage:
        """By its id: of two that are planned at once the first one holds."""
        try:
            await self._rows.insert_one(_OUTAGES.to_doc(outage))
        except DuplicateKey:
            return await self.get(outage.id) or outage
        return outage

    async def get(self, outage_id: str) -> Outage | None:
        """By id."""
        return _OUTAGES.optional(await self._rows.find_one({"_id": outage_id}))

    async def call_off(self, outage_id: str, at: datetime) -> bool:
        """Only from "not called off"."""
        query = {"_id": outage_id, "called_off_at": None}
        return (await self._rows.update_one(query, {"$set": {"called_off_at": at}})).matched_count == 1

    async def told(self, outage_id: str, telling: Telling) -> None:
        """Each name once."""
        await self._rows.update_one({"_id": outage_id}, {"$addToSet": {"told": telling}})

    async def at_site(self, site_id: str, after: datetime, limit: int) -> Sequence[Outage]:
        """In the order of their ends."""
        query = {"site_id": site_id, "until": {"$gt": after}}
        found = await self._rows.find_list(query, sort=[("until", 1)], limit=limit)
        return [_OUTAGES.from_doc(document) for document in found]

    async def ending_after(self, after: datetime, limit: int) -> Sequence[Outage]:
        """In the order of their ends."""
        found = await self._rows.find_list({"until": {"$gt": after}}, sort=[("until", 1)], limit=limit)
        return [_OUTAGES.from_doc(document) for document in found]
