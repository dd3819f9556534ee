"""The proxy of network faults does what each fault says, so that tests built on it prove something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.fakes.faulty_proxy import FaultyProxy

TIMEOUT_S = 5.0


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultyProxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, FaultyProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


class Client:
    """A connection to the echo server through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def echo(self, data: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """Sends and awaits the same number of bytes."""
        self.writer.write(data)
        async with asyncio.timeout(timeout_s):
            return await self.reader.readexactly(len(data))


@pytest.fixture
async def client(proxy: FaultyProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield Client(reader, writer)
    writer.transport.abort()


async def _elapsed_s(client: Client, data: bytes) -> float:
    start_s = time.monotonic()
    assert await client.echo(data) == data
    return time.monotonic() - start_s


async def test_bytes_pass_unchanged(client: Client) -> None:
    """Without a fault the proxy changes nothing, however much passes."""
    data = bytes(range(256)) * 4096
    assert await client.echo(data) == data


async def test_latency_delays_each_way(proxy: FaultyProxy, client: Client) -> None:
    """Latency is added in each direction, and a stream of chunks pays it once and not chunk by chunk."""
    proxy.up.latency_ms, proxy.down.latency_ms = 60, 40
    assert 0.1 <= await _elapsed_s(client, b"x") < 1.0
    assert 0.1 <= await _elapsed_s(client, bytes(640_000)) < 1.5


async def test_jitter_keeps_the_order(proxy: FaultyProxy, client: Client) -> None:
    """Jitter never lets a byte overtake another."""
    proxy.down.latency_ms, proxy.down.jitter_ms = 10, 10
    data = b"".join(b"%06d" % number for number in range(20_000))
    assert await client.echo(data) == data


async def test_bandwidth_is_a_ceiling(proxy: FaultyProxy, client: Client) -> None:
    """A slow line takes as long as its bytes need."""
    proxy.up.bandwidth_bytes_per_s = 10_000
    assert 0.25 <= await _elapsed_s(client, bytes(3_000)) < 2.0


async def test_a_black_hole_swallows_and_healing_resets(proxy: FaultyProxy, client: Client) -> None:
    """Bytes into a black hole get no answer; healed, the broken stream is reset and a new one works."""
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        await client.echo(b"lost", 0.1)
    assert proxy.link_count == 1
    proxy.heal()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.echo(b"late")
    again = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    assert await again.echo(b"new") == b"new"
    again.writer.transport.abort()


async def test_a_one_way_partition_delivers_late(proxy: FaultyProxy, client: Client) -> None:
    """Held answers arrive, whole and in order, when the partition heals: the server did the work meanwhile."""
    proxy.down.hold()
    with pytest.raises(TimeoutError):
        await client.echo(b"first", 0.1)
    proxy.heal()
    async with asyncio.timeout(TIMEOUT_S):
        assert await client.reader.readexactly(5) == b"first"
    assert await client.echo(b"second") == b"second"


async def test_a_reset_is_a_reset(proxy: FaultyProxy, client: Client) -> None:
    """A reset connection raises at the client, and the listener lives on."""
    await client.echo(b"x")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(TIMEOUT_S):
            await client.reader.read(1)
    again = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    assert await again.echo(b"new") == b"new"
    again.writer.transport.abort()


async def test_refusing_ends_old_and_new_connections(proxy: FaultyProxy, client: Client) -> None:
    """A server that is down answers nobody until it heals."""
    await client.echo(b"x")
    proxy.refuse()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.echo(b"old")
    # The reset may arrive with the handshake or after it.
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await Client(*await asyncio.open_connection("127.0.0.1", proxy.port)).echo(b"new")
    proxy.heal()
    again = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    assert await again.echo(b"new") == b"new"
    again.writer.transport.abort()


async def test_a_slow_close_leaves_the_other_end_waiting(proxy: FaultyProxy, client: Client) -> None:
    """The end of a stream is told late."""
    proxy.up.slow_close_ms = 150
    await client.echo(b"x")
    start_s = time.monotonic()
    client.writer.write_eof()
    async with asyncio.timeout(TIMEOUT_S):
        assert await client.reader.read(1) == b""
    assert time.monotonic() - start_s >= 0.15
