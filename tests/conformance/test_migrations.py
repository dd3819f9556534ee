"""Migrations: numbered, run once, harmless twice and in several processes; old documents load."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import OperationFailure

from prepaid.domain.metering import Reading
from prepaid.storage.driver import Database
from prepaid.storage.migrations import MIGRATIONS, migrate, migrate_again
from prepaid.storage.mongo import open_store
from tests.fakes.building import build
from tests.fakes.clock import ManualClock

ADDED_LATER = (
    "register_wraps_wh",
    "register_epoch",
    "offset_wh",
    "register_exponent",
    "doubt",
    "doubted",
)


def test_numbers_are_dense_and_names_are_single() -> None:
    """Y1: the order is one for everybody."""
    assert [each.number for each in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    assert len({each.name for each in MIGRATIONS}) == len(MIGRATIONS)


async def test_each_runs_once(bare_database: Database, clock: ManualClock) -> None:
    """Y1: a second start finds nothing to do, and a restored backup runs them all again without harm."""
    await open_store(bare_database, clock)
    rows = [row["_id"] async for row in bare_database.collection("schema_migrations").find({})]
    assert sorted(rows) == [each.number for each in MIGRATIONS]
    assert await migrate(bare_database, clock.now()) == 0
    await migrate_again(bare_database, clock.now())
    assert await bare_database.collection("schema_migrations").count_documents({}) == len(MIGRATIONS)


async def test_several_processes_may_start_at_once(bare_database: Database, clock: ManualClock) -> None:
    """F5, F7: each opens the same empty store, and all of them come up."""
    stores = await asyncio.gather(*(open_store(bare_database, clock) for _ in range(4)))
    assert len(stores) == 4
    assert await bare_database.collection("schema_migrations").count_documents({}) == len(MIGRATIONS)


async def test_documents_of_an_older_program_load_and_live_on(database: Database, clock: ManualClock) -> None:
    """F7, S10: a meter stored before there were epochs and cases is read, held, decided upon and counted as before."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=1_000_000)
    await building.read(1, 1_000)
    meters = database.collection("meters")
    await meters.update_one({"_id": "met-1"}, {"$unset": dict.fromkeys(ADDED_LATER, ""), "$set": {"held": 3}})
    await database.collection("schema_migrations").delete_many({})
    store = await open_store(database, clock)
    meter = await store.meters.get("met-1")
    assert meter is not None
    assert (meter.held, meter.register_epoch, meter.offset_wh) == (0, 0, 0)
    await building.read(1, 10)
    case = await store.registers.case("met-1")
    assert case is not None
    held = await store.meters.get("met-1")
    assert held is not None
    assert held.held == 1


@pytest.mark.parametrize(
    ("collection", "changes"),
    [
        ("orders", {"amount_fen": 0}),
        ("orders", {"amount_fen": "50"}),
        ("orders", {"state": "paid in full"}),
        ("supplies", {"wanted.generation": -1}),
        ("supplies", {"wanted.on": "yes"}),
        ("meters", {"offset_wh": "5"}),
        ("meters", {"register_epoch": -1}),
    ],
)
async def test_the_store_refuses_what_no_code_of_ours_writes(
    database: Database, clock: ManualClock, collection: str, changes: dict[str, object]
) -> None:
    """M1, S6: whoever writes past the program, by hand or by a bug, is stopped by the collection's own rules."""
    building = await build(database, clock)
    actor = await building.flat(1)
    from prepaid.usecases.start_topup import start_topup  # noqa: PLC0415

    await start_topup(building.business, actor, "acc-1", 5_000, provider="testpay")
    await building.business.store.meters.saw([(Reading(meter_id="met-1", at=clock.now(), energy_wh=5), 1)])
    (row,) = [row async for row in database.collection(collection).find({})]
    with pytest.raises(OperationFailure) as caught:
        await database.collection(collection).update_one({"_id": row["_id"]}, {"$set": changes})
    assert caught.value.code == 121
