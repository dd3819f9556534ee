"""A store as a child process: started on a chosen port, watched, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from prepaid.domain.errors import TryAgain

LOG_BYTES_MAX: Final = 5 * 1024 * 1024
READY_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.01
_LEASH: Final = Path(__file__).with_name("leash.py")


class Child:
    """One running process. Start it from the main thread: the kernel ends it when the thread that started it ends."""

    def __init__(self, command: Sequence[str], log: Path, *, lock_fd: int | None = None) -> None:
        self._log = log
        with log.open("ab") as out:
            # A child appends for as long as it lives, so the only moment to cut its log is before it starts.
            if out.tell() > LOG_BYTES_MAX:
                out.truncate(0)
            self._log_start = out.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal is for us; we end the stores after our own work is drained.
                start_new_session=True,
                # The directory stays locked until the last child is gone, even when we are killed first.
                pass_fds=() if lock_fd is None else (lock_fd,),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def said(self) -> str:
        """What it has logged since its start."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read(LOG_BYTES_MAX).decode(errors="replace")

    async def ready(self, line: str) -> bool:
        """True once it logged `line`; False when it ended before. Raises `TryAgain` when it does neither in time."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while self.is_alive():
                    if line in self.said():
                        return True
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError as error:
            self.kill()
            raise TryAgain("try_again.embedded_slow", log=str(self._log)) from error
        return False

    async def ended(self) -> None:
        """Returns when the process has ended."""
        if not self.is_alive():
            return
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        handle = os.pidfd_open(self.pid)
        loop.add_reader(handle, done.set)
        try:
            await done.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        self._process.wait()

    async def stop(self) -> None:
        """Asks it to end, and kills it when it does not within five seconds."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.ended()
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and waits for the kernel to have done it."""
        self._signal(signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
