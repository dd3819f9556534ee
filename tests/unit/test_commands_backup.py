"""Backup and restore: whole, checked, consistent while money moves, and never over what is there."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bson import Int64

from chatwatt.backup import MANIFEST, back_up, read_manifest, restore_into
from chatwatt.embedded import StoreUris
from prepaid.domain.access import CLOCK
from prepaid.domain.errors import Refused
from prepaid.domain.orders import OrderState
from prepaid.ports import Business
from prepaid.storage.driver import Database, DriverName, connect
from prepaid.storage.dump import NOT_KEPT, check_empty, from_line, to_line
from prepaid.storage.mongo import open_store
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, NoWakeups, build
from tests.fakes.clock import ManualClock
from tests.fakes.running_demo import run_program


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with a past."""
    building = await build(database, clock)
    for unit in (1, 2):
        await building.flat(unit, balance_micro=10_000_000)
        for register in (1_000, 1_100, 1_200):
            await building.read(unit, register)
    return building


@pytest.fixture
async def empty(store_uris: StoreUris, driver_name: DriverName) -> AsyncIterator[Database]:
    """A second database, to restore into."""
    database = connect(store_uris.mongodb_uri, f"test_{secrets.token_hex(6)}", driver=driver_name)
    yield database
    await database.close()


def listed(directory: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in directory.iterdir())


async def contents(database: Database) -> dict[str, dict[str, str]]:
    """Every document that a backup keeps, as text."""
    names = [name for name in await database.collection_names() if name not in NOT_KEPT]
    return {
        name: rows
        for name in names
        if (rows := {str(row["_id"]): to_line(row) async for row in database.collection(name).find({})})
    }


async def topped_up(building: Building, tenant_unit: int, event: str) -> None:
    """A top-up from start to credit."""
    person = await building.business.store.people.at("chat", f"tenant-{tenant_unit}", language="en")
    order = await start_topup(building.business, person.actor(), f"acc-{tenant_unit}", 5_000, provider="testpay")
    await take_notification(building.business, building.row(building.payment(order), event))
    await work_inbox(building.business)


async def test_what_was_backed_up_is_what_is_restored(
    building: Building, database: Database, empty: Database, tmp_path: Path
) -> None:
    """M2, M14, F22: document by document the same, types included, and the restored ledger passes its audit."""
    await topped_up(building, 1, "e1")
    taken = await back_up(database, tmp_path / "b", building.clock.now())
    store = await open_store(empty, building.clock)
    await check_empty(empty)
    assert await restore_into(empty, tmp_path / "b", read_manifest(tmp_path / "b")) == taken.documents
    assert await contents(empty) == await contents(database)
    restored = Business(store=store, clock=building.clock, wakeups=NoWakeups(), providers={})
    audit = await audit_ledger(restored, CLOCK)
    assert audit.clean
    assert audit.as_json() == taken.audit
    with pytest.raises(Refused, match=r"refused\.not_empty"):
        await check_empty(empty)


async def test_a_backup_of_a_running_system_is_never_ahead_of_its_ledger(
    building: Building, database: Database, empty: Database, tmp_path: Path
) -> None:
    """Y1, M4: taken while money moves: whoever is marked as credited is, and every entry's order is there."""

    async def busy() -> None:
        for turn in range(12):
            await asyncio.gather(topped_up(building, 1, f"a{turn}"), topped_up(building, 2, f"b{turn}"))

    work = asyncio.ensure_future(busy())
    backups: list[Path] = []
    while not work.done():
        directory = tmp_path / f"b{len(backups)}"
        await back_up(database, directory, building.clock.now())
        backups.append(directory)
    await work
    assert len(backups) > 1
    directory = backups[len(backups) // 2]
    store = await open_store(empty, building.clock)
    await restore_into(empty, directory, read_manifest(directory))
    restored = Business(store=store, clock=building.clock, wakeups=NoWakeups(), providers={})
    assert (await audit_ledger(restored, CLOCK)).clean
    entries = [entry async for entry in store.ledger.replay()]
    named = {str(entry.ref["order"]) for entry in entries if "order" in entry.ref}
    orders = {str(row["_id"]): row["state"] async for row in empty.collection("orders").find({})}
    credited = {order_id for order_id, state in orders.items() if state == OrderState.CREDITED}
    assert credited <= named <= set(orders)


async def test_damage_is_found_before_anything_is_written(
    building: Building, database: Database, tmp_path: Path
) -> None:
    """Y7: a changed byte, a missing file, no manifest, a later format, a path out of the folder: each is refused."""
    directory = tmp_path / "b"
    await back_up(database, directory, building.clock.now())
    manifest = json.loads((directory / MANIFEST).read_text())
    entries = directory / "entries.jsonl.gz"
    whole = entries.read_bytes()
    entries.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Refused, match=r"refused\.backup_damaged"):
        read_manifest(directory)
    entries.unlink()
    with pytest.raises(Refused, match=r"refused\.backup_damaged"):
        read_manifest(directory)
    entries.write_bytes(whole)
    read_manifest(directory)
    for changed, key in (
        ({**manifest, "format": 2}, "refused.backup_format"),
        ({**manifest, "parts": [{**manifest["parts"][0], "file": f"../b/{entries.name}"}]}, "refused.backup_damaged"),
        ({"format": 1}, "refused.no_backup"),
    ):
        (directory / MANIFEST).write_text(json.dumps(changed))
        with pytest.raises(Refused, match=key):
            read_manifest(directory)
    with pytest.raises(Refused, match=r"refused\.no_backup"):
        read_manifest(tmp_path / "nothing")


async def test_a_backup_is_for_its_owner_and_never_replaces_one(
    building: Building, database: Database, tmp_path: Path
) -> None:
    """A7: it holds everything about everybody, so nobody else may read it; an older one is never written over."""
    directory = tmp_path / "b"
    await back_up(database, directory, building.clock.now())
    assert directory.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.iterdir())
    with pytest.raises(Refused, match=r"refused\.directory_exists"):
        await back_up(database, directory, building.clock.now())
    assert listed(tmp_path) == ["b"]


async def test_a_backup_that_fails_leaves_nothing(building: Building, database: Database, tmp_path: Path) -> None:
    """Y1: half a backup never looks like one."""
    await database.collection("entries").insert_one(
        {
            **((await database.collection("entries").find_one({"acc": "acc-1"})) or {}),
            "_id": "odd",
            "idem": "odd",
            "seq": Int64(99),
            "kind": "nonsense",
        }
    )
    with pytest.raises(ValueError, match="nonsense"):
        await back_up(database, tmp_path / "b", building.clock.now())
    assert listed(tmp_path) == []


def test_lines_keep_every_type() -> None:
    """M1: Int64 stays Int64, bytes stay bytes, instants keep their milliseconds and their zone."""
    row = from_line('{"_id": "x", "n": {"$numberLong": "5"}, "at": {"$date": {"$numberLong": "1772438400123"}}}')
    assert from_line(to_line(row)) == row
    assert type(row["n"]).__name__ == "Int64"
    assert row["at"].tzinfo is not None


async def test_the_commands_do_it_all(
    building: Building, shared_database: Database, empty: Database, store_uris: StoreUris, tmp_path: Path
) -> None:
    """F22: `backup`, then `restore` into another database, prints the same audit; into a full one it is refused."""
    stores = {"CHATWATT_MONGODB_URI": store_uris.mongodb_uri, "CHATWATT_REDIS_URL": store_uris.redis_uri}
    old = {**stores, "CHATWATT_DATABASE": shared_database.name, "LC_ALL": "en"}
    new = {**old, "CHATWATT_DATABASE": empty.name}
    code, said, err = await run_program("backup", str(tmp_path / "b"), settings=old)
    assert code == 0, err
    code, again, err = await run_program("restore", str(tmp_path / "b"), settings=new)
    assert code == 0, err
    figures = json.loads(said.splitlines()[-1])
    assert json.loads(again.splitlines()[-1]) == figures
    assert figures["entries"] == 6
    code, _, err = await run_program("restore", str(tmp_path / "b"), settings=new)
    assert code == 2
    assert "not empty" in err
    assert gzip.decompress((tmp_path / "b" / "entries.jsonl.gz").read_bytes()).count(b"\n") == 6
