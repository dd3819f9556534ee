"""What a tenant asks of the staff of their site: open from when it is said until somebody has seen to it (T5)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Wish(StrEnum):
    """What is asked for."""

    HELP = "help"
    PROTECTION = "protection"
    MOVE_OUT = "move_out"


class RequestState(StrEnum):
    """Open until one of the staff has seen to it."""

    OPEN = "open"
    ANSWERED = "answered"
    """The staff wrote to the room after it was asked."""
    DONE = "done"
    """What was asked for was done, or somebody on the staff says that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRequest:
    """One request. The row says itself who ended it and when (A3)."""

    id: str
    wish: Wish
    account_id: str
    site_id: str
    path: str
    label: str
    """The room with its site before it, as the staff know it."""
    words: str
    asked_by: str
    asked_at: datetime
    told: bool = False
    """Whether the staff has been told of it; what a crash left untold is told later."""
    state: RequestState = RequestState.OPEN
    ended_by: str | None = None
    ended_at: datetime | None = None


def request_id(person_id: str, account_id: str, wish: Wish, asked_at: datetime) -> str:
    """One person asks one thing for one account at one instant."""
    said = f"{person_id}:{account_id}:{wish}:{int(asked_at.timestamp() * 1000)}"
    return f"rq_{hashlib.sha256(said.encode()).hexdigest()[:20]}"
