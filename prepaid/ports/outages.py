"""Planned outages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prepaid.domain.outages import Outage, Telling


class Outages(Protocol):
    """Works on the mains, as they were announced."""

    async def begin(self, outage: Outage) -> Outage:
        """Keeps it; returns the one that holds, which is the first of its id."""
        ...

    async def get(self, outage_id: str) -> Outage | None: ...

    async def call_off(self, outage_id: str, at: datetime) -> bool:
        """Returns False when it was called off before."""
        ...

    async def told(self, outage_id: str, telling: Telling) -> None:
        """Everybody has a row for it."""
        ...

    async def at_site(self, site_id: str, after: datetime, limit: int) -> Sequence[Outage]:
        """Those that end after an instant, called off or not, the first to end first."""
        ...

    async def ending_after(self, after: datetime, limit: int) -> Sequence[Outage]:
        """The same of all sites."""
        ...
