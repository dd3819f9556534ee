"""Meters with their watermark and last reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import Int64
from pydantic import TypeAdapter
from pymongo import UpdateOne

from prepaid.domain.metering import Doubt, Meter, Reading, Watermark
from prepaid.domain.registers import RegisterChange
from prepaid.storage import rules
from prepaid.storage.bounded import below, not_after
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper

MOST_BELOW = 100_000

_METERS = Mapper(Meter)
_READING = TypeAdapter(Reading)
_WATERMARK = TypeAdapter(Watermark)
_STATE = (
    "watermark",
    "last",
    "held",
    "fresh_run",
    "silent_since",
    "register_epoch",
    "offset_wh",
    "register_exponent",
    "doubt",
    "doubted",
    "vacant_wh",
)
"""What a meter has lived through: never overwritten by describing it anew."""


class MongoMeters:
    """Implements `prepaid.ports.Meters`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._meters = database.collection("meters", durable=True)
        self._seen = database.collection("meters")

    async def migrate(self) -> None:
        """Creates the indexes. One place on a bus holds one meter."""
        await self._database.ensure_collection("meters", validator=rules.METERS)
        await self._meters.create_index([("gateway_id", 1), ("unit", 1)], unique=True)
        await self._meters.create_index([("account_id", 1)])
        await self._meters.create_index([("path", 1)])
        await self._meters.create_index([("site_id", 1), ("silent_since", 1)])

    async def get(self, meter_id: str) -> Meter | None:
        """One meter."""
        return _METERS.optional(await self._meters.find_one({"_id": meter_id}))

    async def on_gateway(self, gateway_id: str) -> Sequence[Meter]:
        """The meters of a bus, by unit."""
        return await self._some({"gateway_id": gateway_id})

    async def of_account(self, account_id: str) -> Sequence[Meter]:
        """The meters that one account pays for."""
        return await self._some({"account_id": account_id})

    async def below(self, scope: str) -> Sequence[Meter]:
        """The meters in a subtree, by path."""
        found = await below(self._meters, scope, {}, limit=MOST_BELOW, by="path")
        return [_METERS.from_doc(document) for document in found]

    async def _some(self, query: Document) -> Sequence[Meter]:
        found = [_METERS.from_doc(document) async for document in self._meters.find(query, limit=1000)]
        return sorted(found, key=lambda meter: (meter.gateway_id, meter.unit))

    async def add(self, meter: Meter) -> None:
        """Creates or re-describes a meter."""
        document = _METERS.to_doc(meter)
        unknown = () if meter.serial else ("serial",)  # Whoever does not know the number does not unbind it.
        state = {key: document.pop(key) for key in (*_STATE, *unknown)}
        await self._meters.update_one({"_id": meter.id}, {"$set": document, "$setOnInsert": state}, upsert=True)

    async def move_watermark(self, meter_id: str, old: Watermark | None, new: Watermark) -> bool:
        """Moves it only from `old`."""
        counts = await self._meters.update_one(*_move(meter_id, old, new))
        return counts.matched_count == 1

    async def move_watermarks(self, moves: Sequence[tuple[str, Watermark | None, Watermark]]) -> None:
        """Many in one bulk."""
        if moves:
            await self._meters.bulk_write([UpdateOne(*_move(*move)) for move in moves], ordered=False)

    async def assign(
        self,
        meter_id: str,
        old: str | None,
        new: str | None,
        watermark: Watermark | None,
        *,
        vacant_wh: int | None = None,
    ) -> bool:
        """One write: whose it is, and from where it is billed."""
        mark = None if watermark is None else _WATERMARK.dump_python(watermark)
        query = {"_id": meter_id, "account_id": old}
        changes = {"account_id": new, "watermark": mark, "vacant_wh": vacant_wh}
        return (await self._meters.update_one(query, {"$set": changes})).matched_count == 1

    async def commission(self, meter: Meter, serial: str | None, *, has_relay: bool) -> bool:
        """One write; nothing when the place, the model or the number changed meanwhile."""
        query = {
            "_id": meter.id,
            "gateway_id": meter.gateway_id,
            "unit": meter.unit,
            "profile": meter.profile,
            "serial": meter.serial,
        }
        changes = {"$set": {"serial": serial, "has_relay": has_relay}}
        return (await self._meters.update_one(query, changes)).matched_count == 1

    async def saw(self, readings: Sequence[tuple[Reading, int]]) -> None:
        """The last plausible readings. They can be read again, so they do not wait for the journal."""
        operations = [UpdateOne(_not_after(reading), {"$set": _last_fields(reading, run)}) for reading, run in readings]
        if operations:
            await self._seen.bulk_write(operations, ordered=False)

    async def held(self, meter_id: str, epoch: int, doubt: Doubt, reading: Reading) -> None:
        """One more implausible reading."""
        fields = {"fresh_run": 0, "doubt": doubt, "doubted": _READING.dump_python(reading)}
        await self._seen.update_one(_in_epoch(meter_id, epoch), {"$inc": {"held": 1}, "$set": fields})

    async def change_register(self, change: RegisterChange) -> bool:
        """From the epoch before to the change's. A rejected case leaves the register, and its doubt, as they are."""
        fields: Document = {"register_epoch": change.epoch}
        if change.last is not None:
            fields |= {
                "offset_wh": Int64(change.offset_wh),
                "register_exponent": change.exponent,
                "last": _READING.dump_python(change.last),
                "held": 0,
                "fresh_run": 0,
                "doubt": None,
                "doubted": None,
                "serial": change.serial,
                "register_wraps_wh": change.wraps_wh,
                **({"profile": change.profile} if change.profile else {}),
            }
        counts = await self._meters.update_one(_in_epoch(change.meter_id, change.epoch - 1), {"$set": fields})
        return counts.matched_count == 1

    async def silent(self, meter_ids: Sequence[str], at: datetime | None) -> None:
        """Silent since `at`, or answering again; a meter back from silence starts a new run of fresh readings."""
        if at is None:
            await self._seen.update_many({"_id": {"$in": list(meter_ids)}}, {"$set": {"silent_since": None}})
            return
        query = {"_id": {"$in": list(meter_ids)}, "silent_since": None}
        await self._seen.update_many(query, {"$set": {"silent_since": at, "fresh_run": 0}})


def _move(meter_id: str, old: Watermark | None, new: Watermark) -> tuple[Document, Document]:
    """The condition and the change."""
    query: Document = {"_id": meter_id, **({"watermark": None} if old is None else {"watermark.at": old.at})}
    return query, {"$set": {"watermark": _WATERMARK.dump_python(new)}}


def _last_fields(reading: Reading, fresh_run: int) -> Document:
    last = {"last": _READING.dump_python(reading), "fresh_run": min(fresh_run, 1000)}
    return {**last, "held": 0, "doubt": None, "doubted": None}


def _not_after(reading: Reading) -> Document:
    # Never back in time: a sweep that was overtaken by an admin's decision must not undo it.
    return {"_id": reading.meter_id, **not_after("last.at", reading.at)}


def _in_epoch(meter_id: str, epoch: int) -> Document:
    # Meters that were stored before there were epochs have none.
    return {"_id": meter_id, "register_epoch": {"$in": [0, None]} if epoch == 0 else epoch}
