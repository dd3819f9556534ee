"""Chooses loopback ports for the stores, outside the range from which the kernel takes ports for outgoing connections.

A client that keeps calling a stopped store inside that range will sooner or later be given the store's own port as its
source, connect to itself, and keep the store from coming back on it.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import closing
from pathlib import Path
from typing import Final

from prepaid.domain.errors import TryAgain

_LOWEST: Final = 15_000
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RANGE_START_USUAL: Final = 32_768
_TRIES: Final = 100


def free_port() -> int:
    """A port that nobody listens on now. Somebody may be faster, so the caller tries another when its child cannot."""
    highest = max(_outgoing_start(), _LOWEST + 1_000)
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(highest - _LOWEST)
        if _is_free(port):
            return port
    raise TryAgain("try_again.embedded_no_port")


def _outgoing_start() -> int:
    try:
        return int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _RANGE_START_USUAL


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
