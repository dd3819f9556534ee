"""A Modbus TCP server that answers every read of 60 registers at once, in a process of its own. It prints its port."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

REQUEST_BYTES = 12
REGISTERS = 60
REPLY = bytes((3, 2 * REGISTERS)) + bytes((0, 0, 1, 2, 0, 0, 0, 0, 8, 252, 0, 217, 1, 244, 19, 136)).ljust(
    2 * REGISTERS, b"\0"
)
_LENGTH = (len(REPLY) + 1).to_bytes(2, "big")


class Answering(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        """Requests come whole: one is out at a time."""
        for at in range(0, len(data), REQUEST_BYTES):
            self._write(data[at : at + 4] + _LENGTH + data[at + 6 : at + 7] + REPLY)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())
