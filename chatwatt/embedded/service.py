"""One store on one port for as long as it is wanted, through as many processes as that takes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from chatwatt.embedded.child import Child
from chatwatt.embedded.ports import free_port
from chatwatt.embedded.programs import Program
from prepaid.domain.errors import Refused, Trouble, TryAgain

_PORT_TRIES: Final = 5
_BACK_OFF_FIRST_S: Final = 0.2
_BACK_OFF_MAX_S: Final = 10.0

_log = structlog.get_logger()


class Service:
    """A program, its data and its log under `directory`."""

    def __init__(self, program: Program, directory: Path, lock_fd: int | None = None) -> None:
        self.program = program
        self.port = 0
        self.wanted = False
        self.child: Child | None = None
        self._data = directory / program.name
        self._log_path = directory / "logs" / f"{program.name}.log"
        self._lock_fd = lock_fd

    async def start(self) -> None:
        """Starts it, on the port that it had before if there was one. Raises `Refused` or `TryAgain`."""
        for folder in (self._data, self._log_path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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

    def kill(self) -> None:
        """SIGKILL; it stays down until it is started again."""
        self.wanted = False
        if self.child is not None:
            self.child.kill()
