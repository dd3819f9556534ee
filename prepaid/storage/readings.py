"""Readings at scale: one document for a meter's local day, quarter-hour slots, the first reading of a slot wins.

A slot is written only while it is absent, so a repeat changes nothing; the newest value stands beside the slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bson import Int64
from pymongo import UpdateOne

from prepaid.domain.load import MeterHours
from prepaid.domain.metering import Reading, Usage
from prepaid.storage.driver import Database, Document
from prepaid.storage.hours import hours_of, registers_at
from prepaid.storage.rollups import Rollups

SLOT = timedelta(minutes=15)
WRITTEN_AT_ONCE = 100
"""After an outage days of readings come together: as one command they would take longer than the store is given."""
KEEP_S = 400 * 24 * 3600
"""Raw slots are kept for thirteen months."""


_Kept = tuple[str, int]
"""The slot and the register that a meter last had here."""


class MongoReadings:
    """Implements `prepaid.ports.Readings`."""

    def __init__(self, database: Database) -> None:
        self._days = database.collection("reading_days")
        self._corrections = database.collection("reading_corrections")
        self._daily = database.collection("usage_daily")
        self._rollups = Rollups(database)
        self._kept: dict[str, _Kept] = {}

    async def migrate(self) -> None:
        """Creates the indexes; old days expire by themselves."""
        await self._days.create_index([("m", 1), ("d", 1)])
        await self._days.create_index([("d", 1)], name="expiry", expireAfterSeconds=KEEP_S)
        await self._corrections.create_index([("m", 1), ("at", 1)])
        await self._rollups.migrate()

    async def keep(self, readings: Sequence[Reading], site_time_zone: str) -> None:
        """First of its slot, and the newest of its day."""
        zone = ZoneInfo(site_time_zone)
        operations: list[UpdateOne] = []
        kept: dict[str, _Kept] = {}
        for reading in readings:
            operations += self._operations(reading, zone, kept)
        stored = 0
        for first in range(0, len(operations), WRITTEN_AT_ONCE):
            counts = await self._days.bulk_write(operations[first : first + WRITTEN_AT_ONCE], ordered=False)
            stored += counts.matched_count + counts.upserted_count
        if stored < len(operations):
            await self._note_contradictions(readings, zone)
        self._kept |= kept  # Only now: what a lost bulk did not store is stored when it comes again.

    def _operations(self, reading: Reading, zone: ZoneInfo, kept: dict[str, _Kept]) -> list[UpdateOne]:
        """Nothing at all for a register that stands still within a slot."""
        start = _day_start(reading.at, zone)
        slot = int((reading.at - start) / SLOT)
        day = f"{reading.meter_id}:{start.astimezone(zone):%Y%m%d}"
        key, value = f"v.{slot}", Int64(reading.energy_wh)
        seeded = {"m": reading.meter_id, "d": start}
        newest = {
            "$max": {"last": value, "last_at": reading.at},
            "$min": {"first": value},
            "$inc": {"n": 1},
            "$unset": {"closed": ""},  # What comes late opens a closed day again.
            "$setOnInsert": seeded,
        }
        known = kept.get(reading.meter_id) or self._kept.get(reading.meter_id)
        now = kept[reading.meter_id] = (f"{day}.{slot}", reading.energy_wh)
        if now == known:
            return []
        operations = [UpdateOne({"_id": day}, newest, upsert=True)]
        if known is None or known[0] != now[0]:
            operations.append(UpdateOne({"_id": day, key: {"$exists": False}}, {"$set": {key: value}}))
        return operations

    async def _note_contradictions(self, readings: Sequence[Reading], zone: ZoneInfo) -> None:
        """A slot that is taken by a later figure than this reading's contradicts it: both are kept for a person."""
        for reading in readings:
            start = _day_start(reading.at, zone)
            slot = int((reading.at - start) / SLOT)
            day = f"{reading.meter_id}:{start.astimezone(zone):%Y%m%d}"
            stored = await self._days.find_one({"_id": day}, {f"v.{slot}": 1})
            kept = (stored or {}).get("v", {}).get(str(slot))
            if kept is not None and int(kept) > reading.energy_wh:
                row = {"m": reading.meter_id, "at": reading.at, "kept": kept, "refused": Int64(reading.energy_wh)}
                key = {"_id": f"{day}:{slot}:{reading.energy_wh}"}
                await self._corrections.update_one(key, {"$setOnInsert": row}, upsert=True)

    async def before(self, meter_ids: Sequence[str], at: datetime) -> Mapping[str, tuple[datetime, int]]:
        """From the slots and the newest value of the last days."""
        query = {"m": {"$in": list(meter_ids)}, "d": {"$gt": at - timedelta(hours=50), "$lt": at}}
        found: dict[str, tuple[datetime, int]] = {}
        for day in await self._days.find_list(query, limit=3 * len(meter_ids)) if meter_ids else ():
            points = [point for point in _points(day) if point[0] < at]
            known = found.get(day["m"])
            newest = max(points if known is None else [*points, known], default=None)
            if newest is not None:
                found[day["m"]] = newest
        return found

    async def close_days(self, before: datetime, limit: int) -> int:
        """Rolls up days that ended before an instant; returns how many. A day that changes later is rolled up again."""
        return await self._rollups.close(before, limit)

    async def usage_by_day(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Energy of each closed day, oldest first; kept for seven years."""
        return await self._rollups.usage(meter_id, since, until)

    async def hours(self, meter_id: str, since: datetime, until: datetime) -> MeterHours:
        """A span of whole local days by the hour, with the registers at both ends."""
        return await hours_of(self._days, meter_id, since, until)

    async def registers_at(self, meter_id: str, midnights: Sequence[datetime]) -> Sequence[int | None]:
        """What the meter showed at some local midnights."""
        return await registers_at(self._days, self._daily, meter_id, midnights)

    async def usage_by_hour(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Differences between the first readings of consecutive hours; the running hour ends at the newest value."""
        query = {"m": meter_id, "d": {"$gt": since - timedelta(hours=26), "$lte": until}}
        points: list[tuple[datetime, int]] = []
        async for day in self._days.find(query, limit=800):
            points += _points(day)
        return _by_hour(sorted(points), since, until)


def _day_start(at: datetime, zone: ZoneInfo) -> datetime:
    """Local midnight before `at`, in UTC."""
    return datetime.combine(at.astimezone(zone).date(), time(), zone).astimezone(UTC)


def _points(day: Document) -> list[tuple[datetime, int]]:
    start: datetime = day["d"]
    points = [(start + SLOT * int(slot), int(value)) for slot, value in day.get("v", {}).items()]
    return [*points, (day["last_at"], int(day["last"]))]


def _by_hour(points: list[tuple[datetime, int]], since: datetime, until: datetime) -> list[Usage]:
    """Each hour from its first point to the first point of the next hour that has any."""
    firsts: dict[datetime, int] = {}
    for at, value in points:
        firsts.setdefault(at.replace(minute=0, second=0, microsecond=0), value)
    if not firsts:
        return []
    hours = sorted(firsts)
    ends = [firsts[hour] for hour in hours[1:]] + [points[-1][1]]
    usages = [Usage(start=hour, energy_wh=max(0, end - firsts[hour])) for hour, end in zip(hours, ends, strict=True)]
    return [usage for usage in usages if since <= usage.start <= until]
