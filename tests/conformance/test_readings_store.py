"""Readings at scale: slots of every kind of day, first of a slot wins, contradictions kept, days rolled up once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from prepaid.domain.metering import Reading
from prepaid.storage.driver import Database
from prepaid.storage.readings import SLOT, MongoReadings

BERLIN = "Europe/Berlin"


def reading(at: datetime, energy_wh: int) -> Reading:
    """One of meter "m"."""
    return Reading(meter_id="m", at=at, energy_wh=energy_wh)


@pytest.fixture
async def readings(database: Database) -> MongoReadings:
    """Readings in an empty store."""
    kept = MongoReadings(database)
    await kept.migrate()
    return kept


async def fill(readings: MongoReadings, since: datetime, until: datetime, *, zone: str, step_wh: int = 10) -> int:
    """A reading for each quarter of an hour; returns how many."""
    count = int((until - since) / SLOT)
    await readings.keep([reading(since + n * SLOT, 1_000 + n * step_wh) for n in range(count)], zone)
    return count


@pytest.mark.parametrize(
    ("month", "day", "slots"), [(3, 29, 92), (6, 1, 96), (10, 25, 100)], ids=["23 hours", "24 hours", "25 hours"]
)
async def test_a_day_has_as_many_slots_as_quarters_of_an_hour(
    readings: MongoReadings, database: Database, month: int, day: int, slots: int
) -> None:
    """F34: on the days on which clocks change nothing falls into another slot, and none is lost or shared."""
    zone = ZoneInfo(BERLIN)
    since = datetime(2026, month, day, tzinfo=zone).astimezone(UTC)
    until = datetime(2026, month, day + 1, tzinfo=zone).astimezone(UTC)
    assert await fill(readings, since, until, zone=BERLIN) == slots
    (row,) = [row async for row in database.collection("reading_days").find({"m": "m"})]
    assert (row["_id"], row["d"], len(row["v"])) == (f"m:2026{month:02}{day:02}", since, slots)
    assert sorted(int(slot) for slot in row["v"]) == list(range(slots))


async def test_the_first_of_a_slot_stays(readings: MongoReadings, database: Database) -> None:
    """M12: a repeat, and a later reading of the same quarter of an hour, from whatever process, change no slot."""
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await readings.keep([reading(at, 1_000)], "UTC")
    for later in (0, 60, 600):
        other = MongoReadings(database)
        await other.keep([reading(at + timedelta(seconds=later), 1_000 + later)], "UTC")
    (row,) = [row async for row in database.collection("reading_days").find({"m": "m"})]
    assert {slot: int(value) for slot, value in row["v"].items()} == {"48": 1_000}
    assert int(row["last"]) == 1_600
    assert await database.collection("reading_corrections").count_documents({}) == 0


async def test_a_contradicting_reading_is_kept_for_a_person(readings: MongoReadings, database: Database) -> None:
    """S10: a slot that holds more than a reading of it says is not overwritten; the refused figure is kept once."""
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await readings.keep([reading(at, 1_000)], "UTC")
    for _ in range(2):
        await MongoReadings(database).keep([reading(at + timedelta(seconds=60), 900)], "UTC")
    (row,) = [row async for row in database.collection("reading_corrections").find({"m": "m"})]
    assert (int(row["kept"]), int(row["refused"])) == (1_000, 900)


async def test_days_add_up_to_the_register_and_are_rolled_up_once(readings: MongoReadings, database: Database) -> None:
    """T1, M11: three days, one of them of 23 hours, sum to what the register moved; closing again finds nothing."""
    zone = ZoneInfo(BERLIN)
    since = datetime(2026, 3, 28, tzinfo=zone).astimezone(UTC)
    until = datetime(2026, 3, 31, tzinfo=zone).astimezone(UTC)
    count = await fill(readings, since, until, zone=BERLIN)
    assert await readings.close_days(until, 10) == 3
    assert await readings.close_days(until, 10) == 0
    days = await readings.usage_by_day("m", since, until)
    assert days[0].start == since
    assert [usage.energy_wh for usage in days] == [960, 920, 950]
    assert sum(usage.energy_wh for usage in days) == (count - 1) * 10


async def test_what_comes_late_opens_its_day_again(readings: MongoReadings) -> None:
    """Y1, F32: a gateway that was away delivers yesterday's readings, and the day is rolled up anew."""
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await readings.keep([reading(at, 1_000), reading(at + timedelta(hours=1), 1_100)], "UTC")
    assert await readings.close_days(at + timedelta(days=2), 10) == 1
    await readings.keep([reading(at + timedelta(hours=2), 1_300)], "UTC")
    assert await readings.close_days(at + timedelta(days=2), 10) == 1
    (day,) = await readings.usage_by_day("m", at - timedelta(days=1), at)
    assert day.energy_wh == 300


async def test_a_day_that_is_not_over_stays_open(readings: MongoReadings) -> None:
    """T1: nothing is rolled up before its time."""
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await readings.keep([reading(at, 1_000)], "UTC")
    assert await readings.close_days(at - timedelta(hours=12), 10) == 0
