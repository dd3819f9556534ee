"""The embedded stores start, keep, restart and stop as promised, and say clearly why when they cannot."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from chatwatt.embedded import EmbeddedStores, StoreUris, running_in
from chatwatt.embedded import service as service_module
from chatwatt.embedded import stores as stores_module
from chatwatt.embedded.ports import free_port
from chatwatt.embedded.programs import redis_program, valkey_path
from chatwatt.embedded.service import Service
from chatwatt.embedded.stores import MONGODB_OPTIONS
from chatwatt.settings import Settings
from chatwatt.wiring import open_runtime
from prepaid.domain.errors import Refused, TryAgain
from prepaid.storage.driver import Database, connect
from prepaid.storage.redis_connection import connect_redis

SOON_S = 20.0
_LISTEN = "0A"
_LOOPBACK = "0100007F"


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[EmbeddedStores]:
    stores = EmbeddedStores(tmp_path / "data")
    yield stores
    await stores.stop()


async def _eventually_pings(database: Database) -> None:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                await database.ping()
            except TryAgain:
                continue
            return


async def _remember(uris: StoreUris) -> None:
    database = connect(uris.mongodb_uri, "kept")
    await database.collection("things", durable=True).insert_one({"_id": 1})
    await database.close()
    async with connect_redis(uris.redis_uri) as redis:
        await redis.set("thing", "1")


async def _remembers(uris: StoreUris) -> bool:
    database = connect(uris.mongodb_uri, "kept")
    found = await database.collection("things").find_one({"_id": 1})
    await database.close()
    async with connect_redis(uris.redis_uri) as redis:
        return found is not None and await redis.get("thing") == b"1"


async def test_both_keep_their_data(stores: EmbeddedStores) -> None:
    """What was written is there after an orderly stop and another start of the same directory."""
    uris = await stores.start()
    assert uris.mongodb_uri.endswith(MONGODB_OPTIONS)
    await _remember(uris)
    await stores.stop()
    assert await _remembers(await stores.start())


async def test_they_listen_on_loopback_only(stores: EmbeddedStores) -> None:
    """The stores ask nobody for a password, so they listen to this machine alone."""
    uris = await stores.start()
    wanted = {urlsplit(uri).port for uri in (uris.mongodb_uri, uris.redis_uri)}
    assert {each for each in _listening() if each[1] in wanted} == {(_LOOPBACK, port) for port in wanted}


def _listening() -> Iterator[tuple[str, int]]:
    """Addresses and ports on which anybody on this machine listens, as the kernel writes them."""
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = row.split()
            address, port = local.split(":")
            if state == _LISTEN:
                yield address, int(port, 16)


async def test_a_directory_has_one_owner(stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start is refused, and the first one never notices; a command beside it is told where they listen."""
    assert running_in(stores._directory) is None
    uris = await stores.start()
    assert running_in(stores._directory) == uris
    monkeypatch.setattr(stores_module, "LOCK_WAIT_S", 0.2)
    second = EmbeddedStores(stores._directory)
    with pytest.raises(Refused) as caught:
        await second.start()
    assert caught.value.key == "refused.embedded_in_use"
    async with open_runtime(Settings(data=stores._directory), beside=True) as runtime:
        await runtime.database.ping()
    await _remember(uris)
    await stores.stop()
    assert running_in(stores._directory) is None


async def test_an_extra_that_is_missing_is_named(stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the refusal names what to install, and nothing is made on the disk."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Refused) as caught:
        await stores.start()
    assert caught.value.key == "refused.embedded_not_installed"
    assert caught.value.params == {"package": "secantus"}
    assert not stores._directory.exists()


def _size_bytes(path: object) -> int:
    return Path(str(path)).stat().st_size


async def test_a_start_that_fails_leaves_nothing_running(stores: EmbeddedStores) -> None:
    """Data that a store cannot read is a refusal that names its log, and the other store is stopped again."""
    (stores._directory / "mongodb").mkdir(parents=True)
    (stores._directory / "mongodb" / "WiredTiger").write_text("spoilt")
    (stores._directory / "mongodb" / "WiredTiger.turtle").write_text("spoilt")
    with pytest.raises(Refused) as caught:
        await stores.start()
    assert caught.value.key == "refused.embedded_start"
    assert _size_bytes(caught.value.params["log"]) > 0
    assert stores.pids() == {}


async def test_a_store_that_dies_comes_back(stores: EmbeddedStores) -> None:
    """Y1: a store killed from outside is restarted on its port with what it had acknowledged, in two lines of log."""
    uris = await stores.start()
    await _remember(uris)
    database = connect(uris.mongodb_uri, "kept")
    before = stores.pids()
    with capture_logs() as logs:
        os.kill(before["mongodb"], signal.SIGKILL)
        await _eventually_pings(database)
        # The ping may be answered a moment before the watcher has read the line that it waits for.
        async with asyncio.timeout(SOON_S):
            while not any(line["event"] == "embedded_store_back" for line in logs):
                await database.ping()
    assert await database.collection("things").find_one({"_id": 1}) == {"_id": 1}
    await database.close()
    assert [line["event"] for line in logs] == ["embedded_store_died", "embedded_store_back"]
    assert stores.pids()["mongodb"] != before["mongodb"]
    assert stores.pids()["redis"] == before["redis"]


async def test_a_store_killed_on_purpose_stays_down(stores: EmbeddedStores) -> None:
    """A crash test has the store down for as long as it likes, and then again on the same port."""
    uris = await stores.start()
    await _remember(uris)
    stores.kill_mongodb()
    stores.kill_redis()
    database = connect(uris.mongodb_uri, "kept", server_selection_timeout_ms=1_000)
    with pytest.raises(TryAgain):
        await database.ping()
    await stores.restart_mongodb()
    await _eventually_pings(database)
    await database.close()
    await stores.restart_redis()
    async with connect_redis(uris.redis_uri) as redis:
        assert await redis.ping()


async def test_a_killed_program_leaves_its_directory_free(stores: EmbeddedStores) -> None:
    """Y1: after a SIGKILL of the whole program the stores are gone, and the next start takes the directory at once."""
    assert await asyncio.to_thread(_kill_a_program_with_stores, stores._directory) == 2
    start_s = time.monotonic()
    await stores.start()
    assert time.monotonic() - start_s < SOON_S


def _kill_a_program_with_stores(directory: Path) -> int:
    """Returns how many of its children were seen to end."""
    code = (
        "import asyncio, sys; from pathlib import Path; from chatwatt.embedded import EmbeddedStores\n"
        "async def main():\n"
        "    stores = EmbeddedStores(Path(sys.argv[1])); await stores.start()\n"
        "    print(*stores.pids().values(), file=sys.stderr, flush=True); await asyncio.Event().wait()\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(directory)], stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        handles = [os.pidfd_open(int(pid)) for pid in program.stderr.readline().split()]
        program.kill()
        program.stderr.read()
    ended = 0
    for handle in handles:
        ended += len(select.select([handle], [], [], SOON_S)[0])
        os.close(handle)
    return ended


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


async def test_a_port_lost_to_another_is_replaced(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that somebody took between choice and start costs another try."""
    ports = iter([taken_port, free_port()])
    monkeypatch.setattr(service_module, "free_port", lambda: next(ports))
    service = Service(redis_program(valkey_path()), tmp_path)
    await service.start()
    assert service.port != taken_port
    service.kill()


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    """A client that calls a stopped store can never be given the store's port and connect to itself."""
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(15_000 <= free_port() < first_outgoing for _ in range(50))
