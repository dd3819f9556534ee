"""Days of readings rolled up into one small row each, which outlives the slots. Doing it again changes nothing.

A day runs to the first reading of the next one, so that the days of a meter add up to what its register moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bson import Int64

from prepaid.domain.metering import Usage
from prepaid.storage.driver import Database, Document

KEEP_S = 7 * 366 * 24 * 3600
LONGEST_DAY = timedelta(hours=25)
MOST_DAYS = 7 * 366


class Rollups:
    """`usage_daily`, made from `reading_days`."""

    def __init__(self, database: Database) -> None:
        self._days = database.collection("reading_days")
        self._daily = database.collection("usage_daily")

    async def migrate(self) -> None:
        """Creates the indexes; rows expire after seven years."""
        await self._days.create_index([("closed", 1), ("d", 1)])
        await self._daily.create_index([("m", 1), ("d", 1)])
        await self._daily.create_index([("d", 1)], name="expiry", expireAfterSeconds=KEEP_S)

    async def close(self, before: datetime, limit: int) -> int:
        """The oldest open days first; each is marked only if it is still as it was read."""
        query = {"closed": None, "d": {"$lt": before}}
        days = await self._days.find_list(query, sort=[("d", 1)], limit=limit)
        for day in days:
            await self._daily.update_one({"_id": day["_id"]}, {"$set": await self._row(day)}, upsert=True)
            await self._days.update_one({"_id": day["_id"], "n": day.get("n")}, {"$set": {"closed": True}})
        return len(days)

    async def _row(self, day: Document) -> Document:
        values = {int(slot): int(value) for slot, value in day.get("v", {}).items()}
        first = values[min(values)] if values else int(day["last"])
        end = await self._first_after(day)
        last = int(day["last"]) if end is None else end
        return {
            "m": day["m"],
            "d": day["d"],
            "first": Int64(first),
            "last": Int64(last),
            "use": Int64(max(0, last - first)),
            "slots": len(values),
        }

    async def _first_after(self, day: Document) -> int | None:
        """The first register of the day that follows, if there is one."""
        query = {"m": day["m"], "d": {"$gt": day["d"], "$lte": day["d"] + LONGEST_DAY}}
        for following in await self._days.find_list(query, {"v": 1}, limit=1):
            values = {int(slot): int(value) for slot, value in following.get("v", {}).items()}
            return values[min(values)] if values else None
        return None

    async def usage(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Oldest first."""
        query = {"m": meter_id, "d": {"$gte": since, "$lte": until}}
        rows = await self._daily.find_list(query, limit=MOST_DAYS)
        usages = [Usage(start=row["d"], energy_wh=int(row["use"])) for row in rows]
        return sorted(usages, key=lambda usage: usage.start)
