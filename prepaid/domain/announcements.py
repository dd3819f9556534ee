"""What the staff tells everybody of a place, kept until each of them has a row in the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """The same words for everybody who could be told when they were sent. `id` is the sender's and the wish's."""

    id: str
    actor: str
    site_id: str
    path: str
    words: str
    people: tuple[str, ...]
    at: datetime
    told_at: datetime | None = None
    """When everybody had a row."""
