"""Tickets: a line that a person says is wrong (T2), and money that the staff has to look into, each kept once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_FILES = 5
"""Pictures and files of one ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFile:
    """A picture or a file that a person sent along with a ticket. Its bytes are kept beside the ticket, for a while.

    It has no name of its own: what people call their files is theirs.
    """

    digest: str
    """SHA-256 of the bytes: the same picture sent twice is kept once."""
    media_type: str
    size_bytes: int
    sent_by: str
    sent_at: datetime
    words: str = ""
    """What was written under it."""


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
    files: tuple[TicketFile, ...] = ()


def ticket_id(account_id: str, entry_idem: str) -> str:
    """One ticket for one entry."""
    return f"tk_{hashlib.sha256(f'{account_id}:{entry_idem}'.encode()).hexdigest()[:20]}"


class MoneyKind(StrEnum):
    """What a money ticket came from."""

    BILL = "bill"
    """A provider's bill and our books differ in this item (M17)."""
    PAYMENT = "payment"
    """A payment that could not be credited (M6)."""
    CLAIM = "claim"
    """Somebody says that they paid, and it was not found by itself."""
    POWER = "power"
    """Paid and credited, and the power did not come back in time (S1). It goes by itself when the power is back."""


class MoneyState(StrEnum):
    """Open until somebody on the staff settles it, or a later comparison finds that it has gone."""

    OPEN = "open"
    SETTLED = "settled"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyTicket:
    """Money that somebody has to look into. `path` is "" where it belongs to a merchant and to no single site.

    The row says itself who settled it and with what words (A3).
    """

    id: str
    kind: MoneyKind
    provider: str
    why: str
    """Text key: what is wrong."""
    opened_at: datetime
    opened_by: str = "clock"
    path: str = ""
    site_id: str | None = None
    account_id: str | None = None
    merchant_id: str = ""
    day: str = ""
    """The bill's day, ISO, for what a bill showed."""
    order_id: str = ""
    txn_id: str = ""
    refund_id: str = ""
    ours_fen: int | None = None
    theirs_fen: int | None = None
    state: MoneyState = MoneyState.OPEN
    settled_by: str | None = None
    settled_at: datetime | None = None
    words: str = ""
    files: tuple[TicketFile, ...] = ()


def money_ticket_id(kind: MoneyKind, *parts: str) -> str:
    """One ticket for one item, however often it is found."""
    return f"mt_{hashlib.sha256(':'.join((kind, *parts)).encode()).hexdigest()[:20]}"
