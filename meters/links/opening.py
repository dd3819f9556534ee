"""Finds the way to a gateway by the name of its transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from meters.links.link import Link
from meters.links.rtu_tcp import connect_rtu_tcp
from meters.links.tcp import connect_tcp
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway


class Connect(Protocol):
    """Opens a link to a host and port, or raises `LinkDown`."""

    def __call__(self, host: str, port: int, *, timeout_s: float) -> Awaitable[Link]: ...


TRANSPORTS: Mapping[str, Connect] = {"tcp": connect_tcp, "rtu_tcp": connect_rtu_tcp}


def opener(gateway: Gateway, *, timeout_s: float) -> Callable[[], Awaitable[Link]]:
    """A function that opens a fresh link to the gateway each time. Raises `Refused` for a transport nobody knows."""
    connect = TRANSPORTS.get(gateway.transport)
    if connect is None:
        raise Refused("refused.transport_unknown", transport=gateway.transport)
    return lambda: connect(gateway.host, gateway.port, timeout_s=timeout_s)
