"""Connects to a transparent serial server: RTU frames, unchanged, over TCP."""

from __future__ import annotations

from meters.links.link import Link
from meters.links.rtu import RtuLink
from meters.links.tcp import MODBUS_PORT, connect
from prepaid.domain.metering import Gateway


async def connect_rtu_tcp(gateway: Gateway, *, timeout_s: float) -> Link:
    """RTU over TCP."""
    return await connect(gateway.host, gateway.port or MODBUS_PORT, timeout_s=timeout_s, make=RtuLink)
