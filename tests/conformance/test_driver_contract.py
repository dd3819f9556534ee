"""The driver seam keeps its word on both drivers: counts, duplicates, times, concerns as they go over the wire."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from chatwatt.embedded import StoreUris
from chatwatt.embedded.stores import MONGODB_OPTIONS
from prepaid.storage.driver import Collection, Database, DriverName, DuplicateKey, UpdateCounts, connect

CANCELLED = 20


@pytest.fixture(params=["motor", "native"])
def driver_name(request: pytest.FixtureRequest) -> DriverName:
    """Both drivers, whatever the suite runs on."""
    name: DriverName = request.param
    return name


@pytest.fixture
def database(bare_database: Database) -> Database:
    """A database behind the driver in question; those that tests hand on are behind the suite's."""
    return bare_database


@pytest.fixture
def things(database: Database) -> Collection:
    return database.collection("things", durable=True)


async def test_a_unique_index_lets_one_of_many_win(things: Collection) -> None:
    """M4: of two hundred inserts of one key at once exactly one lands, and the others learn which index refused."""
    await things.create_index([("account", 1), ("idem", 1)], unique=True)

    async def insert(number: int) -> DuplicateKey | None:
        try:
            await things.insert_one({"_id": f"t{number}", "account": "a", "idem": "same"})
        except DuplicateKey as error:
            return error
        return None

    outcomes = await asyncio.gather(*(insert(number) for number in range(200)))
    refusals = [outcome for outcome in outcomes if outcome is not None]
    assert len(refusals) == 199
    assert all(refusal.on("account", "idem") for refusal in refusals)
    assert all(refusal.key_value == {"account": "a", "idem": "same"} for refusal in refusals)
    assert await things.count_documents({}) == 1


async def test_a_conditional_update_counts_truly(things: Collection) -> None:
    """Of fifty that each take one of thirty, thirty do, and each learns from its own count whether it did."""
    await things.insert_one({"_id": "stock", "left": 30})

    async def take() -> UpdateCounts:
        return await things.update_one({"_id": "stock", "left": {"$gt": 0}}, {"$inc": {"left": -1}})

    counts = await asyncio.gather(*(take() for _ in range(50)))
    assert sum(count.modified_count for count in counts) == 30
    assert sum(count.matched_count for count in counts) == 30
    assert await things.find_one({"_id": "stock"}) == {"_id": "stock", "left": 0}


async def test_an_upsert_tells_that_it_inserted(things: Collection) -> None:
    """An upsert reports the id that it made, and nothing the second time."""
    first = await things.update_one({"_id": "x"}, {"$set": {"n": 1}}, upsert=True)
    second = await things.update_one({"_id": "x"}, {"$set": {"n": 1}}, upsert=True)
    assert (first.upserted_id, first.matched_count) == ("x", 0)
    assert (second.upserted_id, second.matched_count, second.modified_count) == (None, 1, 0)


async def test_a_duplicate_id_names_the_id(things: Collection) -> None:
    """A second insert of an id is a duplicate on `_id`, and what was there stays."""
    await things.insert_one({"_id": 1, "n": 1})
    with pytest.raises(DuplicateKey) as caught:
        await things.insert_one({"_id": 1, "n": 2})
    assert caught.value.on("_id")
    assert not caught.value.on("account")
    assert await things.find_one({"_id": 1}) == {"_id": 1, "n": 1}


async def test_an_unordered_bulk_reports_duplicates_by_position(things: Collection) -> None:
    """Repeats in an unordered bulk are reported and stop nothing."""
    await things.insert_one({"_id": 2})
    counts = await things.insert_many([{"_id": n} for n in (1, 2, 3, 1)], ordered=False)
    assert (counts.inserted_count, counts.duplicates) == (2, (1, 3))
    slot = {"$set": {"v.37": 5}}
    operation = UpdateOne({"_id": "day", "v.37": {"$exists": False}}, slot, upsert=True)
    assert (await things.bulk_write([operation])).upserted_count == 1
    again = await things.bulk_write([operation, ReplaceOne({"_id": 1}, {"n": 1})])
    assert (again.duplicates, again.modified_count) == ((0,), 1)


async def test_an_ordered_bulk_stops_at_a_duplicate(things: Collection) -> None:
    """An ordered bulk raises at the first duplicate; what stood before it is kept."""
    with pytest.raises(DuplicateKey):
        await things.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}])
    assert [row["_id"] for row in await things.find_list({}, limit=9)] == [1]
    counts = await things.insert_many([{"_id": 3}, {"_id": 4}])
    assert (counts.inserted_count, counts.duplicates) == (2, ())


async def test_a_stream_can_be_left_early(things: Collection) -> None:
    """A stream over several batches keeps its order, and leaving it closes its cursor."""
    await things.insert_many([{"_id": n, "n": n} for n in range(50)])
    assert [row["n"] async for row in things.find({}, sort=[("n", -1)], limit=3, batch_size=2)] == [49, 48, 47]
    async with aclosing(things.find({}, {"_id": 0, "n": 1}, sort=[("n", 1)], batch_size=5)) as rows:
        assert await anext(rows) == {"n": 0}
    assert [row async for row in things.find({}, batch_size=7) if row["n"] == 49] == [{"_id": 49, "n": 49}]


async def test_an_aggregation_streams(things: Collection) -> None:
    """A pipeline's rows come as a stream, also over several batches."""
    await things.insert_many([{"_id": n, "lines": [{"v": n}, {"v": -n}]} for n in range(20)])
    pipeline: list[dict[str, Any]] = [
        {"$unwind": "$lines"},
        {"$match": {"lines.v": {"$gt": 0}}},
        {"$group": {"_id": None, "total": {"$sum": "$lines.v"}}},
    ]
    assert [row["total"] async for row in things.aggregate(pipeline)] == [190]
    everything = [row async for row in things.aggregate([{"$unwind": "$lines"}], batch_size=3)]
    assert len(everything) == 40


async def test_many_are_updated_counted_and_deleted(things: Collection) -> None:
    """The plural calls count what they did, and counting stops at its limit."""
    await things.insert_many([{"_id": n, "even": n % 2 == 0} for n in range(10)])
    assert (await things.update_many({"even": True}, {"$set": {"seen": True}})).modified_count == 5
    assert await things.count_documents({"seen": True}) == 5
    assert await things.count_documents({}, limit=3) == 3
    assert await things.delete_one({"_id": 0}) == 1
    assert await things.delete_one({"_id": 0}) == 0
    assert await things.delete_many({"even": True}) == 4


async def test_times_come_back_aware_in_utc(things: Collection) -> None:
    """An instant is the same instant, aware, after a round trip; a big integer is exact."""
    at, amount_micro = datetime(2026, 3, 2, 4, 0, 0, 123_000, tzinfo=UTC), 9_007_199_254_740_993
    await things.insert_one({"_id": 1, "at": at, "amount_micro": amount_micro})
    found = await things.find_one({"_id": 1})
    assert found == {"_id": 1, "at": at, "amount_micro": amount_micro}
    assert found["at"].utcoffset() is not None


async def test_a_validator_holds_and_can_be_tightened(database: Database) -> None:
    """A collection's rules refuse a bad document, also when they came after the collection."""
    await database.ensure_collection("ruled")
    await database.ensure_collection("ruled", validator={"$jsonSchema": {"required": ["account"]}})
    ruled = database.collection("ruled", durable=True)
    await ruled.insert_one({"_id": 1, "account": "a"})
    with pytest.raises(OperationFailure, match="validation"):
        await ruled.insert_one({"_id": 2})


async def test_no_cancellation_is_lost(things: Collection) -> None:
    """Y3: a task that asks the store again and again ends when it is cancelled, in whatever turn of the loop."""

    async def asks(answered: asyncio.Event) -> None:
        while True:
            await things.find_one({"_id": "none"})
            answered.set()

    for turns in range(CANCELLED):
        answered = asyncio.Event()
        asking = asyncio.create_task(asks(answered))
        await answered.wait()
        for _ in range(turns % 9):
            await asyncio.sleep(0)
        asking.cancel()
        _, left = await asyncio.wait({asking}, timeout=5)
        asking.cancel()
        await asyncio.wait({asking}, timeout=5)
        assert not left, f"lost after {turns} cancellations"


async def test_rows_can_be_kept_for_another_time(bare_database: Database) -> None:
    """Y3: a newer program that keeps rows longer starts on what an older one made; another kind of index is refused."""
    rows = bare_database.collection("rows")
    for name in ({}, {"name": "expiry"}):
        for kept_s in (60, 60, 3_600):
            await rows.create_index([("at" if name else "d", 1)], expireAfterSeconds=kept_s, **name)
    answer = await bare_database.command({"listIndexes": "rows"})
    kept = [index.get("expireAfterSeconds") for index in answer["cursor"]["firstBatch"]]
    assert sorted(filter(None, kept)) == [3_600, 3_600]
    with pytest.raises(OperationFailure):
        await rows.create_index([("at", 1)], name="expiry", unique=True)


class _Ear(CommandListener):
    """Keeps the commands that were sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...
    def failed(self, event: CommandFailedEvent) -> None: ...

    def last(self, name: str) -> dict[str, Any]:
        """The newest command of that name."""
        return next(command for command in reversed(self.sent) if name in command)


@pytest.fixture
def ear() -> _Ear:
    return _Ear()


@pytest.fixture
async def heard(store_uris: StoreUris, driver_name: DriverName, ear: _Ear) -> AsyncIterator[Database]:
    """A database whose commands are kept."""
    uri = store_uris.mongodb_uri.replace(MONGODB_OPTIONS, "")  # As an address in the settings is.
    database = connect(uri, f"test_{secrets.token_hex(6)}", driver=driver_name, listeners=[ear])
    yield database
    await database.drop()
    await database.close()


async def test_writes_to_the_embedded_store_are_never_repeated_by_the_driver(
    store_uris: StoreUris, driver_name: DriverName, heard: Database, ear: _Ear
) -> None:
    """M9: it forgets in a crash what it answered, so a second try would be a second write; a replica set remembers."""
    address = store_uris.mongodb_uri.replace(MONGODB_OPTIONS, "")
    embedded = connect(f"{address}{MONGODB_OPTIONS}", heard.name, driver=driver_name, listeners=[ear])
    for database, repeated in ((heard, True), (embedded, False)):
        things = database.collection("things", durable=True)
        await things.insert_one({"_id": f"{repeated}"})
        assert ("txnNumber" in ear.last("insert")) is repeated
        await things.update_one({"_id": f"{repeated}"}, {"$inc": {"n": 1}})
        assert ("txnNumber" in ear.last("update")) is repeated
    await embedded.close()


async def test_a_durable_write_says_so_on_the_wire(heard: Database, ear: _Ear) -> None:
    """M7: a durable write asks for the majority and its journal, within a time, and can be repeated without effect."""
    durable = heard.collection("money", durable=True)
    await durable.insert_one({"_id": 1})
    assert ear.last("insert")["writeConcern"] == {"w": "majority", "j": True, "wtimeout": 4_000}
    assert "txnNumber" in ear.last("insert")
    await durable.update_one({"_id": 1}, {"$set": {"n": 1}})
    assert ear.last("update")["writeConcern"]["j"] is True
    await durable.find_one({"_id": 1})
    assert ear.last("find")["readConcern"]["level"] == "majority"
    relaxed = heard.collection("money")
    await relaxed.insert_one({"_id": 2})
    assert ear.last("insert")["writeConcern"] == {"w": "majority", "wtimeout": 4_000}
    again = relaxed.with_options(write_concern=durable.write_concern, read_concern=durable.read_concern)
    await again.insert_one({"_id": 3})
    assert ear.last("insert")["writeConcern"]["j"] is True
