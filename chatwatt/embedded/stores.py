"""Starts, watches and stops the two embedded stores under one data directory."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from chatwatt.embedded.programs import MONGODB, redis_program, require_extra, valkey_path
from chatwatt.embedded.service import Service
from prepaid.domain.errors import Refused

ADDRESSES: Final = "addresses.json"
"""In the directory, which is its owner's alone, while the stores run."""
LOCK_WAIT_S: Final = 5.0
_REDIS: Final = "redis"
MONGODB_OPTIONS: Final = "?retryWrites=false"
"""It keeps what it answered to a retryable write in memory alone, so after a crash the driver's second try would be a
second write; and it looks through ten thousand such answers at every write, which makes each one several times slower.
"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoreUris:
    """Where the stores listen."""

    mongodb_uri: str
    redis_uri: str


def running_in(directory: Path) -> StoreUris | None:
    """Where the stores of this directory listen, if another process runs them now: its lock says so."""
    try:
        with (directory / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return StoreUris(**json.loads((directory / ADDRESSES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return None


class EmbeddedStores:
    """Both stores, their data and their logs in `directory`. `supervise` restarts one that dies."""

    def __init__(self, directory: Path, *, supervise: bool = True) -> None:
        self._directory = directory
        self._supervise = supervise
        self._lock_fd = -1
        self._services: dict[str, Service] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> StoreUris:
        """Starts both and waits until they answer. Raises `Refused` or `TryAgain`; nothing keeps running then."""
        require_extra()
        programs = (MONGODB, redis_program(valkey_path()))
        self._prepare()
        try:
            await self._lock()
            services = [Service(program, self._directory, self._lock_fd) for program in programs]
            self._services = {service.program.name: service for service in services}
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(service.start())
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from error
            raise
        for name in self._services:
            self._watch(name)
        mongodb, redis = (service.port for service in services)
        _log.info("embedded_stores_started", directory=str(self._directory), mongodb_port=mongodb, redis_port=redis)
        uris = StoreUris(f"mongodb://127.0.0.1:{mongodb}/{MONGODB_OPTIONS}", f"redis://127.0.0.1:{redis}")
        (self._directory / ADDRESSES).write_text(json.dumps(asdict(uris)), encoding="utf-8")
        return uris

    async def stop(self) -> None:
        """Stops both, at most five seconds each, and gives the directory free. May be called twice."""
        for task in self._watchers.values():
            task.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        self._watchers.clear()
        if self._services:  # One that did not get the lock leaves the other's file alone.
            with suppress(OSError):
                (self._directory / ADDRESSES).unlink()
        await asyncio.gather(*(service.stop() for service in self._services.values()))
        self._services.clear()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by `mongodb` and `redis`."""
        return {name: service.child.pid for name, service in self._services.items() if service.child is not None}

    def kill_mongodb(self) -> None:
        """SIGKILL; it stays down until `restart_mongodb`. For crash tests."""
        self._kill(MONGODB.name)

    def kill_redis(self) -> None:
        """SIGKILL; it stays down until `restart_redis`. For crash tests."""
        self._kill(_REDIS)

    async def restart_mongodb(self) -> None:
        """Starts it again on the same port and data."""
        await self._restart(MONGODB.name)

    async def restart_redis(self) -> None:
        """Starts it again on the same port and data."""
        await self._restart(_REDIS)

    def _kill(self, name: str) -> None:
        self._services[name].kill()

    async def _restart(self, name: str) -> None:
        self._kill(name)
        await self._services[name].start()
        self._watch(name)

    def _watch(self, name: str) -> None:
        if not self._supervise:
            return
        if (old := self._watchers.pop(name, None)) is not None:
            old.cancel()
        self._watchers[name] = asyncio.create_task(self._services[name].watch(), name=f"embedded {name}")

    def _prepare(self) -> None:
        try:
            for folder in (self._directory, self._directory / "logs"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Refused("refused.data_directory", directory=str(self._directory), why=why) from None

    async def _lock(self) -> None:
        """Takes the directory. The children of a process that was just killed may hold it for a moment."""
        self._lock_fd = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            async with asyncio.timeout(LOCK_WAIT_S):
                # The kernel tells nobody when a lock falls free, short of blocking a thread without end.
                while not self._try_lock():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise Refused("refused.embedded_in_use", directory=str(self._directory)) from error

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
