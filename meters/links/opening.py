"""Finds the way to a gateway by the name of its transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from meters.links.dial_in import DialIn
from meters.links.files import TlsFiles
from meters.links.link import Link
from meters.links.rtu_tcp import connect_rtu_tcp
from meters.links.serial_port import serial_opener
from meters.links.tcp import connect_tcp
from meters.links.tls import tls_opener
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway

DIALS_IN = frozenset({"dial_in", "acrel_4g"})
"""Transports whose units call us."""
_CALLED = frozenset({"tcp", "tls", "rtu_tcp"})
TRANSPORTS = _CALLED | {"serial"} | DIALS_IN
HIGHEST_PORT = 65535

Open = Callable[[], Awaitable[Link]]
"""Opens a fresh link, or raises `LinkDown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What this process has besides a network: certificates, and a door for units that call."""

    tls: TlsFiles = field(default_factory=TlsFiles)
    door: DialIn | None = None

    def serves(self, gateway: Gateway) -> bool:
        """Whether this process can be the owner of the bus: of one that calls, only where it has called."""
        return gateway.transport not in DIALS_IN or self.door is None or self.door.serves(gateway.id)

    def check(self, gateway: Gateway) -> None:
        """Raises `Refused` for a gateway that could never be reached as it is described."""
        if gateway.transport in _CALLED and not (gateway.host and 0 <= gateway.port <= HIGHEST_PORT):
            raise Refused("refused.gateway_host", gateway=gateway.id)
        if gateway.transport not in DIALS_IN:
            self.opener(gateway, timeout_s=1.0)

    def opener(self, gateway: Gateway, *, timeout_s: float) -> Open:
        """A function that opens a fresh link to the gateway each time. Raises `Refused` for one that never could."""
        if gateway.transport == "tcp":
            return partial(connect_tcp, gateway, timeout_s=timeout_s)
        if gateway.transport == "rtu_tcp":
            return partial(connect_rtu_tcp, gateway, timeout_s=timeout_s)
        if gateway.transport == "tls":
            return tls_opener(gateway, self.tls, timeout_s=timeout_s)
        if gateway.transport == "serial":
            return serial_opener(gateway, timeout_s=timeout_s)
        if gateway.transport not in DIALS_IN:
            raise Refused("refused.transport_unknown", transport=gateway.transport)
        if self.door is None:
            raise Refused("refused.dial_in_closed")
        return partial(self.door.link, gateway.id, timeout_s=timeout_s)


def opener(gateway: Gateway, *, timeout_s: float) -> Open:
    """As `Ways.opener`, with a network alone."""
    return Ways().opener(gateway, timeout_s=timeout_s)
