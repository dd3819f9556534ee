"""A person says that a line is wrong: a ticket, kept until somebody on the staff answers it (T2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TicketState(StrEnum):
    """Open until it is answered."""

    OPEN = "open"
    UPHELD = "upheld"
    """The person was right; the correction is its own entry."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One disputed entry. The row says itself who did what and why (A3)."""

    id: str
    account_id: str
    site_id: str
    path: str
    entry_idem: str
    amount_micro: int
    why: str
    opened_by: str
    opened_at: datetime
    state: TicketState = TicketState.OPEN
    answered_by: str | None = None
    answered_at: datetime | None = None
    answer: str = ""


def ticket_id(account_id: str, entry_idem: str) -> str:
    """One ticket for one entry."""
    return f"tk_{hashlib.sha256(f'{account_id}:{entry_idem}'.encode()).hexdigest()[:20]}"
