"""Everything in an admin's jurisdiction at a glance, read in columns: ten thousand rooms cost a few questions (A2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import not_found
from prepaid.domain.supply import HoldKind, Outcome
from prepaid.ports import Business
from prepaid.ports.panorama import SupplyColumns
from prepaid.usecases.authorize import scopes
from prepaid.usecases.views import AccountRow, Overview, SiteView

LATELY = timedelta(minutes=1)
"""The rows that balances are read from may be this much behind the ledger; newer entries are looked at as well."""
BEST_FIRST = (Outcome.CONFIRMED, Outcome.PENDING, Outcome.WAITING, Outcome.UNCONFIRMED)


@dataclass(slots=True, kw_only=True)
class _Supplies:
    """The supplies of one account, put together."""

    on: list[bool | None] = field(default_factory=list)
    wanted_on: bool = True
    outcome: Outcome = Outcome.CONFIRMED
    hold: HoldKind | None = None
    silent: bool = False


async def overview(business: Business, actor: Actor) -> Overview:
    """Sites and accounts that the actor's roles reach. Raises `Refused` for a person without any role."""
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        raise not_found()
    places: dict[str, dict[str, str]] = {}
    for columns in await asyncio.gather(*(business.store.panorama.accounts(scope) for scope in reach)):
        rows = zip(columns.paths, columns.ids, columns.labels, columns.site_ids, columns.statuses, strict=True)
        for _, account_id, label, site_id, status in sorted(rows):
            if status != AccountStatus.CLOSED:
                places.setdefault(site_id, {})[account_id] = label
    balances = await balances_of(business, [each for labels in places.values() for each in labels])
    return Overview(sites=tuple([await _site(business, *each, balances) for each in places.items()]))


async def balances_of(business: Business, account_ids: Sequence[str]) -> dict[str, int]:
    """Micro-yuan in each account: the cached ends of the chains, and the entries that may be newer."""
    ends: dict[str, tuple[int, int]] = dict.fromkeys(account_ids, (0, 0))
    panorama, since = business.store.panorama, business.clock.now() - LATELY
    for found in await asyncio.gather(panorama.balances(account_ids), panorama.entries_since(since)):
        for account_id, seq, balance_micro in zip(*found, strict=True):
            if account_id in ends and ends[account_id][0] < seq:
                ends[account_id] = (seq, balance_micro)
    return {account_id: balance_micro for account_id, (_, balance_micro) in ends.items()}


async def _site(business: Business, site_id: str, labels: dict[str, str], balances: dict[str, int]) -> SiteView:
    panorama, now = business.store.panorama, business.clock.now()
    site, columns, silent = await asyncio.gather(
        business.store.sites.site(site_id), panorama.supplies(site_id), panorama.silent(site_id)
    )
    supplies = _by_account(columns, silent, now)
    none = _Supplies()
    rows = [_row(each, label, balances[each], supplies.get(each, none)) for each, label in labels.items()]
    return SiteView(
        site_id=site_id,
        name=site.name if site else site_id,
        rows=tuple(rows),
        on=sum(row.on is True for row in rows),
        off=sum(row.on is False for row in rows),
        silent=sum(row.silent for row in rows),
        arrears_micro=-sum(min(0, row.balance_micro) for row in rows),
    )


def _by_account(columns: SupplyColumns, silent: Iterable[str], now: datetime) -> dict[str, _Supplies]:
    found: dict[str, _Supplies] = {}
    unheard = set(silent)
    rows = zip(
        columns.meter_ids,
        columns.account_ids,
        columns.wanted_on,
        columns.on,
        columns.outcomes,
        columns.holds,
        columns.hold_untils,
        strict=True,
    )
    for meter_id, account_id, wanted_on, on, outcome, hold, until in rows:
        if account_id is None:
            continue
        own = found.setdefault(account_id, _Supplies())
        own.on.append(on)
        own.wanted_on = own.wanted_on and wanted_on
        own.outcome = max(own.outcome, Outcome(outcome or Outcome.PENDING), key=BEST_FIRST.index)
        own.silent = own.silent or meter_id in unheard
        if hold and own.hold is None and (until is None or now < until):
            own.hold = HoldKind(hold)
    return found


def _row(account_id: str, label: str, balance_micro: int, own: _Supplies) -> AccountRow:
    return AccountRow(
        account_id=account_id,
        label=label,
        balance_micro=balance_micro,
        on=None if not own.on or None in own.on else all(own.on),
        wanted_on=own.wanted_on,
        outcome=own.outcome,
        hold=own.hold,
        silent=own.silent,
    )
