"""Connects to a gateway over TCP, with Modbus TCP frames. Reconnecting belongs to the owner of the bus."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from meters.links.errors import LinkDown
from meters.links.link import Link
from meters.links.mbap import MbapLink
from prepaid.domain.metering import Gateway

MODBUS_PORT = 502
KEEPALIVE_IDLE_S = 10
KEEPALIVE_EVERY_S = 5
KEEPALIVE_TRIES = 3
DEAD_AFTER_MS = 20_000
"""Sent bytes that stay unacknowledged this long end the connection: a half-open one is found within it."""


async def connect(
    host: str,
    port: int,
    *,
    timeout_s: float,
    make: Callable[[], Link],
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> Link:
    """Opens a stream and puts a link on it. Raises `LinkDown`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            transport, link = await loop.create_connection(make, host, port, ssl=tls, server_hostname=server_name)
    except OSError as refused:  # TimeoutError and ssl.SSLError are of these
        raise LinkDown from refused
    watch(transport)
    return link


async def connect_tcp(gateway: Gateway, *, timeout_s: float) -> Link:
    """Modbus TCP."""
    return await connect(gateway.host, gateway.port or MODBUS_PORT, timeout_s=timeout_s, make=MbapLink)


def watch(transport: asyncio.BaseTransport) -> None:
    """Sends small frames at once and lets the kernel find a dead peer, where the platform can."""
    stream = transport.get_extra_info("socket")
    if stream is None:
        return
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEPALIVE_TRIES),
        ("TCP_USER_TIMEOUT", DEAD_AFTER_MS),
    ):
        if hasattr(socket, option):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
