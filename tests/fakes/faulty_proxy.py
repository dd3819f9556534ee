"""A TCP proxy that carries the faults of networks, controlled by the test in the same process (F36).

`up` holds the faults of bytes on their way to the server and `down` those of bytes on their way back, so a fault in
only one of them is a one-way partition. A close always passes, even where bytes do not.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 16 * 1024
_QUEUE_CHUNKS: Final = 64
_CONNECT_TIMEOUT_S: Final = 5.0


@dataclass(slots=True)
class Toxics:
    """The faults of one direction. Set a field at any time; bytes already on their way keep their delay."""

    latency_ms: int = 0
    jitter_ms: int = 0
    bandwidth_bytes_per_s: int = 0
    slow_close_ms: int = 0
    black_hole: bool = False
    """Bytes vanish while the connection looks alive. A stream that lost some is reset by `heal`."""

    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def hold(self) -> None:
        """Bytes wait, as in a partition whose sender repeats them: they arrive late, all at once, after `heal`."""
        self._open.clear()

    def heal(self) -> None:
        """Ends every fault of this direction."""
        self.latency_ms = self.jitter_ms = self.bandwidth_bytes_per_s = self.slow_close_ms = 0
        self.black_hole = False
        self._open.set()

    async def passing(self) -> None:
        """Returns when bytes are not held."""
        await self._open.wait()


class _Link:
    """One client's connection and its two pumps."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        self.lost_bytes = False

    def reset(self) -> None:
        for writer in self.writers:
            _reset(writer)


class FaultyProxy:
    """Listens on a loopback port of its own and passes everything to `port`, with faults. An async context manager."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", seed: int = 1) -> None:
        self.up = Toxics()
        self.down = Toxics()
        self.refusing = False
        self.accepted_count = 0
        self.port = 0
        self._target = (host, port)
        self._random = random.Random(seed)
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def link_count(self) -> int:
        """Connections open now."""
        return len(self._links)

    def refuse(self) -> None:
        """Resets every connection and each new one, as when the server is down."""
        self.refusing = True
        self.reset()

    def reset(self) -> None:
        """Resets every connection (RST)."""
        for link in tuple(self._links):
            link.reset()

    def black_hole(self) -> None:
        """Bytes vanish both ways, and nobody is told."""
        self.up.black_hole = self.down.black_hole = True

    def heal(self) -> None:
        """Ends every fault. Streams that lost bytes are reset, because what follows would make no sense."""
        self.refusing = False
        self.up.heal()
        self.down.heal()
        for link in tuple(self._links):
            if link.lost_bytes:
                link.reset()

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted_count += 1
        task = asyncio.current_task()
        if task is None or self.refusing:
            _reset(client)
            return
        self._tasks.add(task)
        try:
            await self._join(reader, client)
        except asyncio.CancelledError:
            # Only the end of the proxy cancels a link, and the server has no use for the news.
            _reset(client)
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                server_reader, server = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(client)
            return
        link = _Link(client, server)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, self.up, reader, server))
                group.create_task(self._pump(link, self.down, server_reader, client))
        finally:
            self._links.discard(link)
            client.close()
            server.close()

    async def _pump(
        self, link: _Link, toxics: Toxics, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE_CHUNKS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(link, toxics, reader, chunks))
                group.create_task(_write(toxics, chunks, writer))
        except* OSError:
            link.reset()

    async def _read(
        self, link: _Link, toxics: Toxics, reader: asyncio.StreamReader, chunks: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop, due_s = asyncio.get_running_loop(), 0.0
        while chunk := await reader.read(_CHUNK_BYTES):
            if toxics.black_hole:
                link.lost_bytes = True
                continue
            delay_ms = toxics.latency_ms + self._random.randint(-toxics.jitter_ms, toxics.jitter_ms)
            # A stream keeps its order, so no chunk may overtake the one before it.
            due_s = max(due_s, loop.time() + delay_ms / 1000)
            await chunks.put((due_s, chunk))
        await chunks.put((max(due_s, loop.time() + toxics.slow_close_ms / 1000), b""))


async def _write(toxics: Toxics, chunks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s, chunk = await chunks.get()
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        await toxics.passing()
        if not chunk:
            if writer.can_write_eof():
                writer.write_eof()
            return
        await _send(toxics, chunk, writer)


async def _send(toxics: Toxics, chunk: bytes, writer: asyncio.StreamWriter) -> None:
    while chunk:
        rate = toxics.bandwidth_bytes_per_s
        size = max(1, rate // 20) if rate else len(chunk)
        writer.write(chunk[:size])
        await writer.drain()
        if rate:
            await asyncio.sleep(min(size, len(chunk)) / rate)
        chunk = chunk[size:]


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        # A linger of zero makes the kernel send RST instead of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
