"""Sites and accounts: where a supply is and who pays for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.supply import SupplyPolicy
from prepaid.domain.tariffs import FlatTariff


class AccountStatus(StrEnum):
    """Whether an account takes money and energy."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A building or estate under one set of rules. `path` is its place in the tree: "org/site"."""

    id: str
    name: str
    path: str
    currency: str = "CNY"
    calendar: SiteCalendar = field(default_factory=SiteCalendar)
    policy: SupplyPolicy = field(default_factory=SupplyPolicy)
    tariff: FlatTariff


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One prepaid wallet. `label` is the room as people call it; never a person's name."""

    id: str
    site_id: str
    path: str
    label: str
    status: AccountStatus = AccountStatus.OPEN
    overdraft_micro: int = 0
    protected: bool = False
    """A protected customer is never cut off (medical need, small children, ...)."""

    @property
    def floor_micro(self) -> int:
        """The balance at which credit has run out."""
        return -self.overdraft_micro
