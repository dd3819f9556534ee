"""Hints that there is work."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Waiter(Protocol):
    """Listens to wake-ups from when it is made."""

    async def wait(self, timeout_s: float) -> bool:
        """True when woken (all wake-ups since the last call are one), False when the time is up. Losses never raise."""
        ...


class Wakeups(Protocol):
    """Hints that there is work. Losing one costs time, never truth (Y2)."""

    async def wake(self, topic: str) -> None:
        """Wakes whoever waits for `topic`. Never raises."""
        ...

    def waiter(self, *topics: str) -> AbstractAsyncContextManager[Waiter]:
        """A waiter for any of `topics`."""
        ...


TOPIC_INBOX = "inbox"
TOPIC_OUTBOX = "outbox"
TOPIC_WORKERS = "workers"
"""A worker came or went, or a gateway is free."""
TOPIC_STAFF = "staff"
"""Somebody got or lost a role, a group chat of the staff among them."""


def topic_field(number: str) -> str:
    """Wakes whoever asked something of a bus."""
    return f"field:{number}"


def topic_order(order_id: str) -> str:
    """Wakes whoever follows a payment."""
    return f"order:{order_id}"


def topic_gateway(gateway_id: str) -> str:
    """Wakes the owner of a bus."""
    return f"gateway:{gateway_id}"


def topic_site(site_id: str) -> str:
    """Wakes whoever looks at a whole site: a relay has moved, or money has come in."""
    return f"site:{site_id}"
