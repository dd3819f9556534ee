"""Money taken over the counter or by bank: a receipt's number is spent once in its site, like a transaction (M4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prepaid.domain.errors import Refused
from prepaid.domain.money import MAX_FEN

_NUMBER = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_./-]{0,39}$", re.ASCII)


class Method(StrEnum):
    """How the money came."""

    CASH = "cash"
    BANK = "bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One sum taken by the staff. `id` is "<site>:<number>"; `entered` says whether it has reached the ledger."""

    id: str
    number: str
    account_id: str
    site_id: str
    amount_fen: int
    currency: str
    method: Method
    taken_by: str
    taken_at: datetime
    approval_id: str | None = None
    entered: bool = False

    @property
    def body(self) -> tuple[str, int, str, str]:
        """What makes two uses of one number the same: to whom, how much, how."""
        return self.account_id, self.amount_fen, self.currency, self.method


def check_number(number: str) -> str:
    """A receipt's number as written on it, or `Refused("refused.receipt_number")`."""
    tidy = number.strip()
    if not _NUMBER.match(tidy):
        raise Refused("refused.receipt_number")
    return tidy


def check_cash(amount_fen: int) -> int:
    """An amount that a desk may take, or `Refused("refused.cash_range")`."""
    if not 0 < amount_fen <= MAX_FEN:
        raise Refused("refused.cash_range")
    return amount_fen
