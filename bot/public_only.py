"""Keeps libraries that open connections of their own out of private networks.

The address is looked at as the socket connects, whatever named it: a name that changed its answer, a redirect, or a
server hidden in an option of a URL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from bot.outgoing import is_public

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_guarded: ContextVar[bool] = ContextVar("_guarded", default=False)


class PrivateAddress(OSError):
    """A connection into a private network, which was not begun."""


@contextmanager
def public_only() -> Iterator[None]:
    """Within it this thread connects to the public internet alone; raises `PrivateAddress` from the connecting call."""
    _watch()
    token = _guarded.set(True)
    try:
        yield
    finally:
        _guarded.reset(token)


@cache
def _watch() -> None:
    """Hooks stay for good, so there is one."""
    sys.addaudithook(_look)


def _look(event: str, args: tuple[object, ...]) -> None:
    if event not in _EVENTS or not _guarded.get():
        return
    address = args[1]
    # A name that the kernel is still to resolve, or a socket file, is no public address either.
    host = address[0] if isinstance(address, tuple) and address else ""
    if not isinstance(host, str) or not is_public(host):
        raise PrivateAddress("private address")
