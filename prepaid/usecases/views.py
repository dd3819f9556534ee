"""What use cases show: plain figures for the doors to put into words. One ledger snapshot each (M16, N4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prepaid.domain.days_left import DaysLeft, TopUpHint
from prepaid.domain.metering import Gateway, Meter, Usage
from prepaid.domain.outages import Outage
from prepaid.domain.supply import HoldKind, Outcome, Supply, SupplyPolicy
from prepaid.domain.tariffs import Utility


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyView:
    """One supply. `on` is what the relay last said; `reason` is a text key ("rule.*")."""

    meter_id: str
    on: bool | None
    wanted_on: bool
    reason: str
    outcome: Outcome
    hold: HoldKind | None
    silent: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """A balance at a stated time. `hours_left` is None when too little is known."""

    account_id: str
    label: str
    balance_micro: int
    at: datetime
    supplies: tuple[SupplyView, ...]
    price_micro_per_kwh: int
    low: bool
    spared_rule: str | None
    spared_until: datetime | None
    hours_left: int | None
    site_time_zone: str
    days_left: DaysLeft | None = None
    """By what was spent lately; None while too little is known of the account."""
    hint: TopUpHint | None = None
    wallets: tuple[AccountLine, ...] = ()
    """The other wallets of the tenancy, where each utility has its own."""
    outage: Outage | None = None
    """Works that were announced, while a supply is away because of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One of a person's accounts."""

    account_id: str
    label: str
    balance_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """Use of one utility and its cost by hour, oldest first. Water is counted in litres wherever a name says `wh`."""

    account_id: str
    label: str
    site_time_zone: str
    hours: tuple[Usage, ...]
    total_wh: int
    total_micro: int
    since: datetime
    until: datetime
    utility: Utility = Utility.ELECTRICITY
    utilities: tuple[Utility, ...] = (Utility.ELECTRICITY,)
    """Everything that the account pays for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One account in an overview."""

    account_id: str
    label: str
    balance_micro: int
    on: bool | None
    wanted_on: bool
    outcome: Outcome
    hold: HoldKind | None
    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """One site, as far as the actor's jurisdiction reaches into it."""

    site_id: str
    name: str
    rows: tuple[AccountRow, ...]
    on: int
    off: int
    silent: int
    arrears_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything in an actor's jurisdiction."""

    sites: tuple[SiteView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPlan:
    """What the owner of a bus needs to know now."""

    gateway: Gateway
    meters: tuple[Meter, ...]
    supplies: Mapping[str, Supply]
    command_ttl_s: int
    policy: SupplyPolicy = field(default_factory=SupplyPolicy)
    time_zone: str = "Asia/Shanghai"
    restores_open: int = 0
    """How many supplies of the whole site wait to be restored; 0 where this bus has none."""
    near_zero: Mapping[str, int] = field(default_factory=dict)
    """Meters that are read more often than usual because their account is nearly used up: seconds between reads."""
