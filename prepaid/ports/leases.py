"""Who owns a resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who owns a resource. `token` grows with every change of owner and is checked at each effect."""

    resource: str
    owner: str
    token: int
    until: datetime


class Leases(Protocol):
    """Leases with fencing tokens, in the database."""

    async def take(self, resource: str, owner: str, ttl_s: float) -> Lease | None:
        """Takes or renews; None while another owner's lease lives."""
        ...

    async def take_under(self, resource: str, session: Lease) -> Lease | None:
        """Takes a resource for as long as the session lives; None while another live session has it.

        A session is a lease that its owner renews. One write then keeps any number of resources, and when the session
        runs out all of them are free at once.
        """
        ...

    async def live(self, kind: str) -> Sequence[Lease]:
        """What of a kind is in force, by name ("gateway" for "gateway:g1"); a resource lives as long as its session."""
        ...

    async def release(self, lease: Lease) -> None: ...
    async def holds(self, lease: Lease) -> bool:
        """Whether the lease is still ours, asked of the database."""
        ...
