"""What the driver seam raises when the store is killed, gone, slow or silent, and that it finds the way back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from chatwatt.embedded.programs import MONGODB
from chatwatt.embedded.service import Service
from prepaid.domain.errors import Trouble, TryAgain, Unknown
from prepaid.storage.driver import Collection, Database, DriverName, DuplicateKey, connect
from tests.fakes.faulty_proxy import FaultyProxy

SELECTION_S = 0.5
SOCKET_S = 0.5
BOUND_S = SELECTION_S + 2 * SOCKET_S + 1.0


@pytest.fixture(params=["motor", "native"])
def driver_name(request: pytest.FixtureRequest) -> DriverName:
    """Both drivers, whatever the suite runs on."""
    name: DriverName = request.param
    return name


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Service]:
    """A server of the test's own, to kill."""
    service = Service(MONGODB, tmp_path)
    await service.start()
    yield service
    service.kill()


@pytest.fixture
async def proxy(server: Service) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: FaultyProxy, driver_name: DriverName) -> AsyncIterator[Database]:
    """A database behind the proxy, with short waits. A direct connection, or the driver would go round the proxy."""
    uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
    database = connect(
        uri, "far", driver=driver_name, server_selection_timeout_ms=int(SELECTION_S * 1000), socket_timeout_ms=500
    )
    yield database
    await database.close()


async def _write_until_lost(things: Collection, writer: int, acknowledged: set[str], enough: asyncio.Event) -> None:
    """Inserts one document after another until the store fails."""
    for number in count():
        name = f"{writer}:{number}"
        try:
            await things.insert_one({"_id": name, "idem": name})
        except Trouble:
            return
        acknowledged.add(name)
        if len(acknowledged) >= 80:
            enough.set()


async def test_a_killed_server_loses_no_durable_write(server: Service, driver_name: DriverName) -> None:
    """M7, Y1: what was acknowledged before a SIGKILL is there after the restart, and the same client carries on."""
    database = connect(f"mongodb://127.0.0.1:{server.port}/", "crash", driver=driver_name)
    things = database.collection("things", durable=True)
    await things.create_index("idem", unique=True)
    acknowledged: set[str] = set()
    enough = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for writer in range(4):
            group.create_task(_write_until_lost(things, writer, acknowledged, enough))
        await enough.wait()
        server.kill()
    port = server.port
    await server.start()
    assert server.port == port
    found = {row["_id"] async for row in things.find({})}
    assert acknowledged <= found
    assert len(found - acknowledged) <= 4, "only a write whose answer was lost may be there beside them"
    with pytest.raises(DuplicateKey):
        await things.insert_one({"_id": "again", "idem": next(iter(acknowledged))})
    await database.close()


async def test_a_server_that_is_down_means_try_again(
    server: Service, proxy: FaultyProxy, driver_name: DriverName
) -> None:
    """S7, F20: with nobody there, reads and writes raise `TryAgain` soon, and work again when somebody is."""
    proxy.refuse()
    uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
    database = connect(uri, "down", driver=driver_name, server_selection_timeout_ms=500, socket_timeout_ms=500)
    things = database.collection("things", durable=True)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: things.find_one({"_id": 1}),
        lambda: things.insert_one({"_id": 1}),
        database.ping,
    ]
    for call in calls:
        start_s = time.monotonic()
        with pytest.raises(TryAgain) as caught:
            await call()
        assert caught.value.key == "try_again.store"
        assert time.monotonic() - start_s < BOUND_S
    proxy.heal()
    await _eventually_pings(database)
    await things.insert_one({"_id": 1})
    assert await things.find_one({"_id": 1}) == {"_id": 1}
    await database.close()


async def _eventually_pings(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await database.ping()
            except TryAgain:
                continue
            return


async def test_a_lost_answer_to_a_write_is_unknown(far: Database, proxy: FaultyProxy) -> None:
    """M9, F36: a write whose answer never came is `Unknown` in bounded time, and may well have landed."""
    things = far.collection("things", durable=True)
    await things.insert_one({"_id": "before"})
    proxy.down.black_hole = True
    start_s = time.monotonic()
    with pytest.raises(Unknown) as caught:
        await things.insert_one({"_id": "lost"})
    assert caught.value.key == "unknown.store"
    assert time.monotonic() - start_s < BOUND_S
    proxy.heal()
    await _eventually_pings(far)
    assert await things.count_documents({"_id": "lost"}) == 1


async def test_a_lost_bulk_is_unknown(far: Database, proxy: FaultyProxy) -> None:
    """M9: a bulk whose answer was lost is `Unknown`, too."""
    things = far.collection("things", durable=True)
    await things.insert_one({"_id": "before"})
    proxy.black_hole()
    with pytest.raises(Unknown):
        await things.insert_many([{"_id": number} for number in range(10)], ordered=False)


async def test_a_lost_answer_to_a_read_means_try_again(far: Database, proxy: FaultyProxy) -> None:
    """F36: a read that is never answered raises `TryAgain` in bounded time, also in the middle of a stream."""
    things = far.collection("things", durable=True)
    await things.insert_many([{"_id": number} for number in range(20)])
    stream = things.find({}, batch_size=2)
    await anext(stream)
    proxy.black_hole()
    start_s = time.monotonic()
    with pytest.raises(TryAgain):
        await things.find_one({"_id": 1})
    assert time.monotonic() - start_s < BOUND_S
    with pytest.raises(TryAgain):
        assert [row async for row in stream]
    with pytest.raises(TryAgain):
        assert [row async for row in things.aggregate([{"$match": {}}])]


async def test_a_slow_store_is_only_slow(far: Database, proxy: FaultyProxy) -> None:
    """F36: latency and jitter below the timeout change no answer."""
    things = far.collection("things", durable=True)
    proxy.down.latency_ms, proxy.down.jitter_ms = 30, 20
    await asyncio.gather(*(things.insert_one({"_id": number}) for number in range(20)))
    assert await things.count_documents({}) == 20


async def test_a_reset_is_survived_by_one_repeat(far: Database, proxy: FaultyProxy) -> None:
    """F36: connections that were reset while idle cost a repeat inside the driver, and a write still lands once."""
    things = far.collection("things", durable=True)
    await things.insert_one({"_id": 0, "n": 0})
    for _ in range(5):
        proxy.reset()
        await things.update_one({"_id": 0}, {"$inc": {"n": 1}})
    assert await things.find_one({"_id": 0}) == {"_id": 0, "n": 5}
