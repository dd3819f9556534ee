"""A serial line between two programs: two pseudo terminals, joined; or one, joined to a TCP connection."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class PtyEnd:
    """One pseudo terminal: programs open `path`, and what they write is given to `heard`."""

    def __init__(self, heard: Callable[[bytes], object]) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.heard = heard
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def write(self, data: bytes) -> None:
        """What the program at the path reads."""
        os.write(self._master, data)

    def close(self) -> None:
        """Unplugged."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        self.heard(os.read(self._master, 1024))


@asynccontextmanager
async def pty_line() -> AsyncIterator[tuple[str, str]]:
    """The paths of both ends."""
    left, right = PtyEnd(lambda _: None), PtyEnd(lambda _: None)
    left.heard, right.heard = right.write, left.write
    try:
        yield left.path, right.path
    finally:
        left.close()
        right.close()


@asynccontextmanager
async def pty_to_tcp(port: int) -> AsyncIterator[str]:
    """A path whose line goes on as RTU over TCP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = PtyEnd(writer.write)

    async def back() -> None:
        while data := await reader.read(1024):
            end.write(data)

    task = asyncio.create_task(back())
    try:
        yield end.path
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        end.close()
        writer.close()
