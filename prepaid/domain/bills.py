"""A provider's bill of one day, in our words: what it says it took, gave back and kept as a fee.

Amounts are integer fen and never negative; `kind` says which way the money went.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class BillKind(StrEnum):
    """Which way the money went."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRow:
    """One line of the bill."""

    kind: BillKind
    txn_id: str
    """The provider's number of the payment, for refunds too."""
    order_id: str
    """Our number (out_trade_no)."""
    amount_fen: int
    at: datetime
    """When the money moved, UTC."""
    fee_fen: int = 0
    """What the provider kept; for a refund what it gave back of its fee."""
    refund_id: str | None = None
    """Our number of the refund (out_refund_no, out_request_no)."""
    currency: str = "CNY"
    merchant_id: str = ""
    app_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """All that a provider booked for one merchant on one day of its own calendar (China's)."""

    provider: str
    day: date
    rows: tuple[BillRow, ...]
