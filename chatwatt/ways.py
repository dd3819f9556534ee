"""The ways to gateways that need more than a network: certificates from settings, and the door for units that call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from chatwatt.settings import Settings
from meters.dial_in_file import load_listeners
from meters.links.dial_in import DialIn, DoorSettings
from meters.links.files import TlsFiles
from meters.links.opening import Ways
from prepaid.ports import Clock

log = structlog.get_logger()


@asynccontextmanager
async def open_ways(settings: Settings, clock: Clock) -> AsyncIterator[Ways]:
    """Opens the door if the settings name a file for it. Raises `Refused` for a wrong file or a port that is taken."""
    tls = TlsFiles(
        ca_file=settings.modbus_ca_file,
        certificate_file=settings.modbus_certificate_file,
        key_file=settings.modbus_key_file,
    )
    if settings.dial_in_file is None:
        yield Ways(tls=tls)
        return
    limits = DoorSettings(
        register_s=settings.dial_in_register_s,
        idle_s=settings.dial_in_idle_s,
        waiting_most=settings.dial_in_waiting_most,
        calls_per_minute=settings.dial_in_calls_per_minute,
    )
    door = DialIn(load_listeners(settings.dial_in_file, host=settings.dial_in_host, now=clock.now), limits)
    await door.open()
    log.info("door_open", ports=door.ports)
    try:
        yield Ways(tls=tls, door=door)
    finally:
        await door.close()
