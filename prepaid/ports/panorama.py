"""A whole jurisdiction in few questions: fields in columns, which cost a program a fraction of rows.

Nothing here is good enough to move money or a relay by: use cases that do look again, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class AccountColumns(NamedTuple):
    """Accounts in no order; a list for each field, of one length."""

    ids: Sequence[str]
    paths: Sequence[str]
    labels: Sequence[str]
    site_ids: Sequence[str]
    statuses: Sequence[str]
    utilities: Sequence[str]
    aside_micro: Sequence[int]
    """Overdraft and emergency credit: credit has run out at minus this."""
    levels_micro: Sequence[Sequence[int]]
    """The account's own warning levels, highest first; empty where the site's hold."""


class BalanceColumns(NamedTuple):
    """The end of accounts' chains."""

    ids: Sequence[str]
    seqs: Sequence[int]
    balances_micro: Sequence[int]


class SupplyColumns(NamedTuple):
    """Supplies of a site. `on` is what the relay last said, None while it has said nothing."""

    meter_ids: Sequence[str]
    account_ids: Sequence[str | None]
    wanted_on: Sequence[bool]
    reasons: Sequence[str]
    on: Sequence[bool | None]
    outcomes: Sequence[str]
    holds: Sequence[str | None]
    hold_untils: Sequence[datetime | None]
    """When the hold ends; None for one that stays."""


class MeterColumns(NamedTuple):
    """Meters of a site, and what they said last."""

    ids: Sequence[str]
    paths: Sequence[str]
    gateway_ids: Sequence[str]
    account_ids: Sequence[str | None]
    utilities: Sequence[str]
    power_w: Sequence[int | None]
    read_at: Sequence[datetime | None]
    """In UTC without saying so: to give ten thousand instants their zone takes longer than all the rest."""


class DayColumns(NamedTuple):
    """What meters counted in one local day, in Wh or litres."""

    meter_ids: Sequence[str]
    used: Sequence[int]


class PaidColumns(NamedTuple):
    """Payments that came in."""

    account_ids: Sequence[str]
    amounts_fen: Sequence[int]
    paid_at: Sequence[datetime]


DaySums = Mapping[str, tuple[int, int]]
"""Wh and litres of a day by place."""


class Panorama(Protocol):
    """Bulk reads for people who look at much at once."""

    async def accounts(self, scope: str) -> AccountColumns:
        """The subtree of `scope`."""
        ...

    async def balances(self, account_ids: Sequence[str]) -> BalanceColumns:
        """The account rows, which may be behind the chain; perhaps more of them than were asked for."""
        ...

    async def entries_since(self, at: datetime) -> BalanceColumns:
        """What was committed since then, of any account: the balances behind each entry."""
        ...

    async def supplies(self, site_id: str, *, changed_since: datetime | None = None) -> SupplyColumns:
        """All of a site, or those whose wanted state was set since then."""
        ...

    async def meters(self, site_id: str) -> MeterColumns:
        """All of a site."""
        ...

    async def silent(self, site_id: str) -> Mapping[str, datetime]:
        """Meters that do not answer, and since when."""
        ...

    async def running_day(self, start: datetime) -> DayColumns:
        """A local day that began then, as far as it was read, of every site whose day that is."""
        ...

    async def closed_day(self, start: datetime) -> DayColumns:
        """The same for a day that was rolled up."""
        ...

    async def day_sums(self, site_id: str, since: datetime, until: datetime) -> Mapping[datetime, DaySums]:
        """Sums that were kept, by the beginning of their day."""
        ...

    async def keep_day_sums(self, site_id: str, start: datetime, sums: DaySums) -> None:
        """Keeps a day's sums; doing it again replaces them."""
        ...

    async def paid(self, provider: str, since: datetime, until: datetime) -> PaidColumns:
        """Orders of a provider whose money came in `[since, until)`, whatever became of them."""
        ...
