"""Sites and accounts: where a supply is and who pays for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from prepaid.domain.approvals import Limits
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.credit import CreditRules
from prepaid.domain.ledger import Head
from prepaid.domain.preferences import Alerts, MessagePolicy
from prepaid.domain.supply import SupplyPolicy
from prepaid.domain.tariffs import Pricing


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
    credit: CreditRules = field(default_factory=CreditRules)
    mass_cut_until: datetime | None = None
    """Until then a second person has agreed to cut off more than the policy's share of the site (S8, A6)."""
    limits: Limits = field(default_factory=Limits)
    messages: MessagePolicy = field(default_factory=MessagePolicy)
    tariff: Pricing
    """What electricity costs here."""
    water_tariff: Pricing | None = None
    """What water costs here; None while no water is billed."""
    listed_fees_from: date | None = None
    """Fees of the price lists are billed from this local day on; None: ever since."""

    def place_name(self, path: str) -> str:
        """A place of the site as people call it: the site's name, and the part of it that is meant."""
        return f"{self.name} {path.removeprefix(self.path).strip('/')}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One prepaid wallet. `label` is the room as people call it; never a person's name."""

    id: str
    site_id: str
    path: str
    label: str
    status: AccountStatus = AccountStatus.OPEN
    overdraft_micro: int = 0
    emergency_micro: int = 0
    """Emergency credit in force: a lower floor until a top-up has lifted the balance above zero again; 0 for none."""
    emergency_at: datetime | None = None
    """When it was taken, which tells one taking from another."""
    emergency_seq: int = 0
    """The account's newest entry when it was taken: only a credit after it repays."""
    utility: str = ""
    """What the account pays for where each utility has its own wallet ("electricity", "water"); "" for everything."""
    tenancy: str = ""
    """The account whose wallet for another utility this is; "" for the one that a tenancy begins with."""
    tariff: Pricing | None = None
    """The account's own price of electricity instead of the site's."""
    water_tariff: Pricing | None = None
    protected: bool = False
    """A protected customer is never cut off (medical need, small children, ...)."""
    alerts: Alerts = field(default_factory=Alerts)
    """The account's own warning levels instead of the site's; whoever lives there sets them."""
    area_cm2: int = 0
    """The room's floor, by which what is common may be shared; 0 where it is not known."""
    lease_from: datetime | None = None
    lease_to: datetime | None = None
    """Each tenancy is an account of its own: who lived there before or lives there after sees nothing of it (A1)."""

    def has_repaid(self, head: Head) -> bool:
        """Whether emergency credit is in force that a credit since its taking has lifted above zero."""
        return self.emergency_micro > 0 and head.balance_micro > 0 and head.credit_seq > self.emergency_seq

    def low_levels(self, site: Site) -> tuple[int, ...]:
        """The balances at which its people are warned, highest first."""
        return self.alerts.low_balance_micro or site.policy.low_balance_micro

    @property
    def floor_micro(self) -> int:
        """The balance at which credit has run out, emergency credit included."""
        return -(self.overdraft_micro + self.emergency_micro)
