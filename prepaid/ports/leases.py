"""Who owns a resource."""

from __future__ import annotations

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

    async def release(self, lease: Lease) -> None: ...
    async def holds(self, lease: Lease) -> bool:
        """Whether the lease is still ours, asked of the database."""
        ...
