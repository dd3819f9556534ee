"""Money taken over the counter or by bank: a receipt's number is spent once in its site, like a transaction (M4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One receipt on the list of a day. `voided` says that its entry was reversed since."""

    receipt: Receipt
    voided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskDay:
    """What a site's desk took on one day of the site: the list that the drawer is counted against."""

    site_id: str
    site_name: str
    day: str
    currency: str
    taken: tuple[Taken, ...]

    def sum_fen(self, method: Method | None = None, taken_by: str | None = None) -> int:
        """What was taken and not voided, by one way or person if named."""
        return sum(
            each.receipt.amount_fen
            for each in self.taken
            if not each.voided and method in (None, each.receipt.method) and taken_by in (None, each.receipt.taken_by)
        )

    @property
    def voided_fen(self) -> int:
        """What was taken and reversed."""
        return sum(each.receipt.amount_fen for each in self.taken if each.voided)

    @property
    def cashiers(self) -> tuple[str, ...]:
        """Whoever took something."""
        return tuple(sorted({each.receipt.taken_by for each in self.taken}))


def number_of_day(day: date, place: int) -> str:
    """The number for a receipt that has none of its own: date and place in the day, "20261125-0007"."""
    return f"{day:%Y%m%d}-{place:04}"


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
