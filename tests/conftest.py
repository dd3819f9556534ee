"""Fixtures of the whole suite. The stores start when the first test asks for them, one pair for each test process.

`CHATWATT_TEST_MONGODB_URI` and `CHATWATT_TEST_REDIS_URI` name stores to use instead, and `CHATWATT_DRIVER` (`motor` or
`native`) the MongoDB driver.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from chatwatt.embedded import EmbeddedStores, StoreUris
from chatwatt.embedded.programs import redis_program, valkey_path
from chatwatt.embedded.service import Service
from prepaid.storage.driver import Database, DriverName, connect
from tests.fakes.clock import ManualClock
from tests.fakes.recycled import Databases

# How long an example takes says more about the machine than about us.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

_REDIS_DATABASES: Final = 16
_SYSTEM_REDIS: Final = Path("/usr/bin/redis-server")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each process begins with its share of the long tests, or the last of them would keep one busy and the rest idle.

    Every process is given an even stretch of the list at first. Within long and short ones the order stays random.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    rest = [item for item in items if item.get_closest_marker("slow") is None]
    count = len(items)
    ordered: list[pytest.Item] = []
    for process in range(processes):
        stretch = (count - len(ordered)) // (processes - process)
        first = slow[process::processes]
        ordered += first + [rest.pop() for _ in range(min(len(rest), stretch - len(first)))]
    items[:] = ordered + rest


# pytest-asyncio keeps the loop that it finds; without one set, asyncio would make a hidden one that nobody closes.
asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are() -> Iterator[None]:
    """A test that runs a whole command sets up logs; the next test has them as they were."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)


@pytest.fixture(scope="session")
def store_uris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreUris]:
    """Both stores, started at most once for each test process."""
    mongodb_uri = os.environ.get("CHATWATT_TEST_MONGODB_URI")
    redis_uri = os.environ.get("CHATWATT_TEST_REDIS_URI")
    if mongodb_uri and redis_uri:
        yield StoreUris(mongodb_uri, redis_uri)
        return
    stores = EmbeddedStores(tmp_path_factory.mktemp("stores"), supervise=False)
    loop = asyncio.new_event_loop()
    try:
        embedded = loop.run_until_complete(stores.start())
        yield StoreUris(mongodb_uri or embedded.mongodb_uri, redis_uri or embedded.redis_uri)
        # Its data is thrown away, so it need not take two seconds to put it in order first.
        stores.kill_mongodb()
        loop.run_until_complete(stores.stop())
    finally:
        loop.close()


@pytest.fixture(scope="session")
def driver_name() -> DriverName:
    """The MongoDB driver under test."""
    return cast("DriverName", os.environ.get("CHATWATT_DRIVER", "motor"))


@pytest.fixture(scope="session")
def databases(store_uris: StoreUris, driver_name: DriverName) -> Iterator[Databases]:
    """The databases that tests hand on to one another."""
    lent = Databases(store_uris.mongodb_uri, driver_name)
    yield lent
    if "CHATWATT_TEST_MONGODB_URI" in os.environ:
        # The embedded server drops slowly and is thrown away whole; a real one is left as it was.
        asyncio.run(lent.drop())


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """A MongoDB database of the test's own, empty, with every collection and index in place."""
    database = await databases.lend()
    yield database
    await databases.take_back(database)


@pytest.fixture
async def shared_database(database: Database, databases: Databases) -> Database:
    """The same, for tests that let other processes write to it."""
    databases.share(database)
    return database


@pytest.fixture
async def bare_database(store_uris: StoreUris, driver_name: DriverName) -> AsyncIterator[Database]:
    """A MongoDB database of the test's own, in which there is nothing at all."""
    database = connect(store_uris.mongodb_uri, f"test_{secrets.token_hex(6)}", driver=driver_name)
    yield database
    if "CHATWATT_TEST_MONGODB_URI" in os.environ:
        await database.drop()
    await database.close()


@pytest.fixture
async def redis_url(store_uris: StoreUris) -> AsyncIterator[str]:
    """An empty logical Redis database. Published messages cross such databases: use `redis_prefix` as well."""
    if "CHATWATT_TEST_REDIS_URI" in os.environ:
        yield store_uris.redis_uri
        return
    url = f"{store_uris.redis_uri}/{secrets.randbelow(_REDIS_DATABASES)}"
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
    yield url


@pytest.fixture(params=["valkey", "redis"])
async def redis_server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """A Redis of the test's own, to kill and restart: the embedded Valkey, and the system's Redis if there is one."""
    if request.param == "redis" and not _SYSTEM_REDIS.exists():
        pytest.skip("no redis-server is installed on this system")
    service = Service(redis_program(_SYSTEM_REDIS if request.param == "redis" else valkey_path()), tmp_path)
    await service.start()
    yield service
    service.kill()


@pytest.fixture
def redis_prefix() -> str:
    """A prefix of the test's own for keys and channels."""
    return f"test:{secrets.token_hex(6)}:"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when told to."""
    return ManualClock()
