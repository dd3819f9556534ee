"""What was told to everybody of a place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prepaid.domain.announcements import Announcement


class Announcements(Protocol):
    """Words that were sent to many, until each has a row in the outbox."""

    async def begin(self, announcement: Announcement) -> Announcement:
        """Keeps it; returns the one that holds, which is the first of its id."""
        ...

    async def told(self, announcement_id: str, at: datetime) -> bool:
        """Everybody has a row. Returns False when somebody said so before."""
        ...

    async def unfinished(self, before: datetime, limit: int) -> Sequence[Announcement]:
        """Those sent before an instant of which it is not known that everybody has a row, oldest first."""
        ...
