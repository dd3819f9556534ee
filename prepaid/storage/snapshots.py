"""Balances and registers at local midnight, one row for each account and day, kept for seven years."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import UpdateOne

from prepaid.domain.snapshots import Snapshot
from prepaid.storage.driver import Database
from prepaid.storage.mapping import Mapper

KEEP_S = 7 * 366 * 24 * 3600
MOST = 100_000
"""Accounts of one site, and days of one account."""

_SNAPSHOTS = Mapper(Snapshot)


class MongoSnapshots:
    """Implements `prepaid.ports.schedule.Snapshots`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("snapshots")
        self._done = database.collection("snapshots_done")

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("site_id", 1), ("day", 1)])
        await self._rows.create_index([("account_id", 1), ("day", 1)])
        await self._rows.create_index([("at", 1)], name="expiry", expireAfterSeconds=KEEP_S)

    async def keep(self, snapshots: Sequence[Snapshot]) -> None:
        """What is there stays as it is."""
        documents = [_SNAPSHOTS.to_doc(each) for each in snapshots]
        rows = [UpdateOne({"_id": each.pop("_id")}, {"$setOnInsert": each}, upsert=True) for each in documents]
        if rows:
            await self._rows.bulk_write(rows, ordered=False)

    async def complete(self, site_id: str, day: str) -> None:
        """Marks it, whoever else does."""
        await self._done.update_one({"_id": site_id}, {"$max": {"day": day}}, upsert=True)

    async def newest_day(self, site_id: str) -> str | None:
        """From the mark."""
        row = await self._done.find_one({"_id": site_id})
        return None if row is None else str(row["day"])

    async def of_day(self, site_id: str, day: str) -> Sequence[Snapshot]:
        """All accounts of the site."""
        rows = await self._rows.find_list({"site_id": site_id, "day": day}, limit=MOST)
        return [_SNAPSHOTS.from_doc(row) for row in rows]

    async def of_account(self, account_id: str, since_day: str, until_day: str) -> Sequence[Snapshot]:
        """Oldest first."""
        query = {"account_id": account_id, "day": {"$gte": since_day, "$lte": until_day}}
        rows = await self._rows.find_list(query, limit=MOST)
        return sorted((_SNAPSHOTS.from_doc(row) for row in rows), key=lambda each: each.day)
