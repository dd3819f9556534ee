"""A Modbus slave that answers with exactly the bytes it is told to: late, cut in two, glued together, or lying."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from meters.links.crc import with_crc

CLOSE = None
Answer = Sequence[tuple[float, bytes | None]]
"""Pauses in seconds, each with the bytes that follow it, or None to drop the connection."""
Script = Callable[[bytes], Answer]


@dataclass(slots=True)
class HostileSlave:
    """Runs one script for each chunk that is received; the last script stays."""

    scripts: list[Script]
    received: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection until it ends."""
        try:
            while data := await reader.read(300):
                self.received.append(data)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                for pause_s, answer in script(data):
                    await asyncio.sleep(pause_s)
                    if answer is CLOSE:
                        return
                    writer.write(answer)
        except ConnectionError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def hostile_slave(*scripts: Script) -> AsyncIterator[HostileSlave]:
    """A slave on a random port."""
    slave = HostileSlave(list(scripts))
    server = await asyncio.start_server(slave.serve, "127.0.0.1", 0)
    slave.port = server.sockets[0].getsockname()[1]
    try:
        yield slave
    finally:
        server.close()
        await server.wait_closed()


def rtu(unit: int, pdu: bytes) -> bytes:
    """A good RTU frame."""
    return with_crc(bytes((unit,)) + pdu)


def mbap(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A good Modbus TCP frame."""
    return transaction.to_bytes(2, "big") + bytes(2) + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu
