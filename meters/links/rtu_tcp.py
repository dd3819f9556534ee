"""Connects to a transparent serial server: RTU frames, unchanged, over TCP."""

from __future__ import annotations

from meters.links.link import Link
from meters.links.rtu import RtuLink
from meters.links.tcp import connect


async def connect_rtu_tcp(host: str, port: int, *, timeout_s: float) -> Link:
    """RTU over TCP."""
    return await connect(host, port, timeout_s=timeout_s, make=RtuLink)
