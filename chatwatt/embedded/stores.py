"""Starts, watches and stops the two embedded stores under one data directory."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from chatwatt.embedded.child import Child
from chatwatt.embedded.ports import free_port
from chatwatt.embedded.programs import MONGODB, REDIS, Program, require_extra
from prepaid.domain.errors import Refused, Trouble, TryAgain

LOCK_WAIT_S: Final = 5.0
_PORT_TRIES: Final = 5
_BACK_OFF_FIRST_S: Final = 0.2
_BACK_OFF_MAX_S: Final = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoreUris:
    """Where the stores listen."""

    mongodb_uri: str
    redis_uri: str


class _Service:
    """One program on one port for as long as the stores run, through as many processes as it takes."""

    def __init__(self, program: Program, directory: Path, lock_fd: int) -> None:
        self.program = program
        self.port = 0
        self.wanted = False
        self.child: Child | None = None
        self._data = directory / program.name
        self._log_path = directory / "logs" / f"{program.name}.log"
        self._lock_fd = lock_fd

    async def start(self) -> None:
        """Starts it, on the port that it had before if there was one."""
        for _ in range(_PORT_TRIES):
            port = self.port or free_port()
            self.child = Child(self.program.command(self._data, port), self._log_path, lock_fd=self._lock_fd)
            self.wanted = True
            if await self.child.ready(self.program.ready_line):
                self.port = port
                return
            if self.program.port_taken_line not in self.child.said():
                raise Refused("refused.embedded_start", program=self.program.name, log=str(self._log_path))
        raise TryAgain("try_again.embedded_no_port")

    async def watch(self) -> None:
        """Restarts it on its port whenever it ends without having been told to."""
        back_off_s = _BACK_OFF_FIRST_S
        while self.child is not None:
            await self.child.ended()
            if not self.wanted:
                return
            _log.warning("embedded_store_died", program=self.program.name, pid=self.child.pid)
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, _BACK_OFF_MAX_S)
            with suppress(Trouble):
                await self.start()
                _log.info("embedded_store_back", program=self.program.name, pid=self.child.pid)
                back_off_s = _BACK_OFF_FIRST_S

    async def stop(self) -> None:
        """Ends it for good."""
        self.wanted = False
        if self.child is not None:
            await self.child.stop()


class EmbeddedStores:
    """Both stores, their data and their logs in `directory`. `supervise` restarts one that dies."""

    def __init__(self, directory: Path, *, supervise: bool = True) -> None:
        self._directory = directory
        self._supervise = supervise
        self._lock_fd = -1
        self._services: dict[str, _Service] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> StoreUris:
        """Starts both and waits until they answer. Raises `Refused` or `TryAgain`; nothing keeps running then."""
        require_extra()
        self._prepare()
        try:
            await self._lock()
            services = [_Service(program, self._directory, self._lock_fd) for program in (MONGODB, REDIS)]
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
        return StoreUris(f"mongodb://127.0.0.1:{mongodb}/", f"redis://127.0.0.1:{redis}")

    async def stop(self) -> None:
        """Stops both, at most five seconds each, and gives the directory free. May be called twice."""
        for task in self._watchers.values():
            task.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        self._watchers.clear()
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
        self._kill(REDIS.name)

    async def restart_mongodb(self) -> None:
        """Starts it again on the same port and data."""
        await self._restart(MONGODB.name)

    async def restart_redis(self) -> None:
        """Starts it again on the same port and data."""
        await self._restart(REDIS.name)

    def _kill(self, name: str) -> None:
        service = self._services[name]
        service.wanted = False
        if service.child is not None:
            service.child.kill()

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
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (MONGODB.name, REDIS.name, "logs"):
            (self._directory / name).mkdir(exist_ok=True, mode=0o700)

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
