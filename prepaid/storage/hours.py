"""A meter's month by the hour, and its registers at both ends, from one document that the store makes of its days.

The register at a month's end is the first reading of the next month's first day, or the last one before it where that
day has none: so each month ends where the next begins, and months add up to what the register moved.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from prepaid.domain.load import HOUR, MeterHours
from prepaid.storage.driver import Collection, Document

SLOTS_AN_HOUR = 4
LOOK_BACK = timedelta(days=62)
_DAYS: Mapping[str, Any] = {
    "_id": None,
    "d": {"$push": "$d"},
    "v": {"$push": {"$ifNull": ["$v", {}]}},
    "last": {"$push": "$last"},
}
MOST_DAYS = 800
_Day = tuple[datetime, Mapping[str, int], int]
"""Its beginning, its slots and its newest register."""


async def hours_of(days: Collection, meter_id: str, since: datetime, until: datetime) -> MeterHours:
    """From local midnight to local midnight; an `until` ahead ends at the newest reading."""
    found = await _days(days, {"m": meter_id, "d": {"$gte": since, "$lte": until}})
    within = [day for day in found if day[0] < until]
    first = _first(found, since)
    if first is None:
        before = await _days(days, {"m": meter_id, "d": {"$gte": since - LOOK_BACK, "$lt": since}})
        first = before[-1][2] if before else _earliest(within)
    last = _first(found, until)
    if last is None:
        last = within[-1][2] if within else first
    return MeterHours(
        meter_id=meter_id,
        since=since,
        first_wh=last if first is None else first,
        last_wh=last,
        wh=_by_hour(found, since, (until - since) // HOUR),
    )


async def registers_at(
    days: Collection, daily: Collection, meter_id: str, midnights: Sequence[datetime]
) -> list[int | None]:
    """The registers at local midnights as `hours_of` knows them, from closed days too, which outlive their slots."""
    found = await _days(days, {"m": meter_id, "d": {"$in": list(midnights)}})
    known = {day[0]: _earliest([day]) for day in found if day[1]}
    missing = [at for at in midnights if at not in known]
    if missing:
        query = {"m": meter_id, "d": {"$gte": min(missing) - LOOK_BACK, "$lte": max(missing)}}
        closed = await daily.find_list(query, {"_id": 0, "d": 1, "first": 1}, limit=MOST_DAYS)
        firsts = {row["d"]: int(row["first"]) for row in closed}
        newest = await _days(days, query)
        for at in missing:
            before = [day for day in newest if day[0] < at]
            known[at] = firsts.get(at, before[-1][2] if before else None)
    return [known[at] for at in midnights]


async def _days(days: Collection, query: Document) -> list[_Day]:
    """Oldest first."""
    pages = [page async for page in days.aggregate([{"$match": query}, {"$group": _DAYS}])]
    return sorted(
        (
            (day, slots, int(last))
            for page in pages
            for day, slots, last in zip(page["d"], page["v"], page["last"], strict=True)
        ),
        key=lambda day: day[0],
    )


def _first(found: Sequence[_Day], day: datetime) -> int | None:
    """The first register of the day that begins then."""
    return next((_earliest([each]) for each in found if each[0] == day and each[1]), None)


def _earliest(found: Sequence[_Day]) -> int | None:
    for _, slots, last in found:
        return slots[str(min(map(int, slots)))] if slots else last
    return None


def _by_hour(found: Sequence[_Day], since: datetime, count: int) -> tuple[int | None, ...]:
    """What lies between the first readings of each hour and of the next one."""
    firsts: list[int | None] = [None] * (count + 1)
    for day, slots, _ in found:
        begins = (day - since) // HOUR
        # Backwards, so that the first reading of an hour is the one that stays.
        for slot in sorted(map(int, slots), reverse=True):
            place = begins + slot // SLOTS_AN_HOUR
            if place <= count:
                firsts[place] = slots[str(slot)]
    return tuple(None if begin is None or end is None else end - begin for begin, end in itertools.pairwise(firsts))
