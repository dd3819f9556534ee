"""What moved on a site's accounts in a month, by what moved it. Pure: every column is a line of the ledger, so it ties.

The columns of an account are the ledger lines that stand against it, with their sign turned round. Entries balance, so
opening balance plus columns is closing balance, to the micro-yuan; a report in which it is not is never shown (M1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Kind

TOP_UP = "top_up"
WATER = "water"
"""The band in which all litres stand, whatever their price: they are never added to Wh."""
YOUNG, OLDER = timedelta(days=7), timedelta(days=30)


class Age(StrEnum):
    """How long an account has been in debt."""

    WEEK = "week"
    MONTH = "month"
    LONGER = "longer"


@dataclass(slots=True, kw_only=True)
class AccountFinance:
    """One account's month."""

    account_id: str
    label: str
    opening_micro: int = 0
    closing_micro: int = 0
    entries: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    """Micro-yuan by column, as they changed the balance."""
    energy_wh: Counter[str] = field(default_factory=Counter)
    """Billed Wh by price band; litres under `WATER`."""
    exact_nano: Counter[str] = field(default_factory=Counter)
    """What those cost before rounding, by band."""
    by_day_micro: Counter[int] = field(default_factory=Counter)
    """How the balance changed on each day of the span, by its place."""
    owes_since: datetime | None = None
    """When the balance went below zero, if that has lasted; None for what began more than `OLDER` before the span."""

    @property
    def electricity_wh(self) -> int:
        """Billed Wh in all bands."""
        return sum(wh for band, wh in self.energy_wh.items() if band != WATER)

    def check(self) -> None:
        """Raises `InvariantBroken` where the columns do not lead from one balance to the other."""
        if self.opening_micro + sum(self.columns.values()) != self.closing_micro:
            raise InvariantBroken(f"report of account {self.account_id} does not tie")

    def age(self, until: datetime) -> Age | None:
        """How old the debt is at the end of the month, or at an instant in it; None without one."""
        if self.closing_micro >= 0:
            return None
        if self.owes_since is None:
            return Age.LONGER
        return next((age for age, span in _SPANS if until - self.owes_since <= span), Age.LONGER)


_SPANS = ((Age.WEEK, YOUNG), (Age.MONTH, OLDER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finance:
    """A site's month."""

    site_id: str
    name: str
    currency: str
    month: str
    since: datetime
    until: datetime
    accounts: tuple[AccountFinance, ...]
    days: tuple[date, ...] = ()
    """The local days that have begun."""
    as_of: datetime | None = None
    """When debts are as old as they are said to be, in a month that still runs; by default its end."""

    @property
    def opening_micro(self) -> int:
        """Of all accounts."""
        return sum(each.opening_micro for each in self.accounts)

    @property
    def closing_micro(self) -> int:
        """Of all accounts."""
        return sum(each.closing_micro for each in self.accounts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that anything moved in, top-ups first."""
        names = {name for each in self.accounts for name in each.columns}
        return tuple(sorted(names, key=lambda name: (_PLACE.get(name.partition(":")[0], len(_PLACE)), name)))

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands in which anything was billed."""
        return tuple(sorted({band for each in self.accounts for band in each.energy_wh}))

    def curve(self, days: int) -> tuple[int, ...]:
        """All balances together at the end of each of the first so many days."""
        moved: Counter[int] = Counter()
        for each in self.accounts:
            moved.update(each.by_day_micro)
        return tuple(accumulate((moved[day] for day in range(days)), initial=self.opening_micro))[1:]

    def total(self, column: str) -> int:
        """Of all accounts."""
        return sum(each.columns[column] for each in self.accounts)

    def band_wh(self, band: str) -> int:
        """Of all accounts."""
        return sum(each.energy_wh[band] for each in self.accounts)

    def ageing(self) -> Mapping[Age, tuple[int, int]]:
        """(accounts, debt in micro-yuan) by how long they have owed it."""
        found: dict[Age, tuple[int, int]] = dict.fromkeys(Age, (0, 0))
        for each in self.accounts:
            age = each.age(self.as_of or self.until)
            if age is not None:
                count, debt = found[age]
                found[age] = (count + 1, debt - each.closing_micro)
        return found


_PLACE = {
    name: place
    for place, name in enumerate(
        (TOP_UP, "refund", "adjustment", "reversal", "consumption", "fee", "arrears", "deposit")
    )
}


def column_of(kind: str, ledger_account: str) -> str:
    """The column in which a line against the customer stands; top-ups are kept apart by where the money came from."""
    prefix = ledger_account.partition(":")[0]
    if prefix in ("arrears", "deposits"):
        return prefix if prefix == "arrears" else "deposit"
    if kind == Kind.TOP_UP:
        return f"{TOP_UP}:{ledger_account.partition(':')[2]}"
    return kind


def columns_of(kind: str, lines: Iterable[tuple[str, int]], own: str) -> Counter[str]:
    """What each line against the customer's account changed of its balance."""
    found: Counter[str] = Counter()
    for account, amount_micro in lines:
        if account != own:
            found[column_of(kind, account)] -= amount_micro
    return found
