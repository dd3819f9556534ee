"""Meters with their watermark and last reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter
from pymongo import UpdateOne

from prepaid.domain.metering import Meter, Reading, Watermark
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper

_METERS = Mapper(Meter)
_READING = TypeAdapter(Reading)
_WATERMARK = TypeAdapter(Watermark)
_STATE = ("watermark", "last", "held", "fresh_run", "silent_since")
"""What a meter has lived through: never overwritten by describing it anew."""


class MongoMeters:
    """Implements `prepaid.ports.Meters`."""

    def __init__(self, database: Database) -> None:
        self._meters = database.collection("meters", durable=True)
        self._seen = database.collection("meters")

    async def migrate(self) -> None:
        """Creates the indexes. One place on a bus holds one meter."""
        await self._meters.create_index([("gateway_id", 1), ("unit", 1)], unique=True)
        await self._meters.create_index([("account_id", 1)])

    async def get(self, meter_id: str) -> Meter | None:
        """One meter."""
        return _METERS.optional(await self._meters.find_one({"_id": meter_id}))

    async def on_gateway(self, gateway_id: str) -> Sequence[Meter]:
        """The meters of a bus, by unit."""
        return await self._some({"gateway_id": gateway_id})

    async def of_account(self, account_id: str) -> Sequence[Meter]:
        """The meters that one account pays for."""
        return await self._some({"account_id": account_id})

    async def _some(self, query: Document) -> Sequence[Meter]:
        found = [_METERS.from_doc(document) async for document in self._meters.find(query, limit=1000)]
        return sorted(found, key=lambda meter: (meter.gateway_id, meter.unit))

    async def add(self, meter: Meter) -> None:
        """Creates or re-describes a meter."""
        document = _METERS.to_doc(meter)
        state = {key: document.pop(key) for key in _STATE}
        await self._meters.update_one({"_id": meter.id}, {"$set": document, "$setOnInsert": state}, upsert=True)

    async def move_watermark(self, meter_id: str, old: Watermark | None, new: Watermark) -> bool:
        """Moves it only from `old`."""
        at = None if old is None else old.at
        query: Document = {"_id": meter_id, **({"watermark": None} if old is None else {"watermark.at": at})}
        counts = await self._meters.update_one(query, {"$set": {"watermark": _WATERMARK.dump_python(new)}})
        return counts.matched_count == 1

    async def saw(self, readings: Sequence[tuple[Reading, int]]) -> None:
        """The last plausible readings. They can be read again, so they do not wait for the journal."""
        operations = [
            UpdateOne({"_id": reading.meter_id}, {"$set": _last_fields(reading, run)}) for reading, run in readings
        ]
        if operations:
            await self._seen.bulk_write(operations, ordered=False)

    async def held(self, meter_id: str) -> None:
        """One more implausible reading."""
        await self._seen.update_one({"_id": meter_id}, {"$inc": {"held": 1}, "$set": {"fresh_run": 0}})

    async def silent(self, meter_ids: Sequence[str], at: datetime | None) -> None:
        """Silent since `at`, or answering again; a meter back from silence starts a new run of fresh readings."""
        if at is None:
            await self._seen.update_many({"_id": {"$in": list(meter_ids)}}, {"$set": {"silent_since": None}})
            return
        query = {"_id": {"$in": list(meter_ids)}, "silent_since": None}
        await self._seen.update_many(query, {"$set": {"silent_since": at, "fresh_run": 0}})


def _last_fields(reading: Reading, fresh_run: int) -> Document:
    return {"last": _READING.dump_python(reading), "fresh_run": min(fresh_run, 1000), "held": 0}
