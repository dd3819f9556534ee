"""Everything in an admin's jurisdiction at a glance (A2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.errors import not_found
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Outcome, Supply
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes
from prepaid.usecases.supply_views import view_of
from prepaid.usecases.views import AccountRow, Overview, SiteView


async def overview(business: Business, actor: Actor) -> Overview:
    """Sites and accounts that the actor's roles reach. Raises `Refused` for a person without any role."""
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        raise not_found()
    by_site: dict[str, list[Account]] = {}
    for scope in reach:
        for account in await business.store.sites.accounts_below(scope):
            if account.status is AccountStatus.CLOSED:
                continue
            by_site.setdefault(account.site_id, []).append(account)
    return Overview(sites=tuple([await _site(business, site_id, rows) for site_id, rows in by_site.items()]))


async def _site(business: Business, site_id: str, accounts: list[Account]) -> SiteView:
    site: Site | None = await business.store.sites.site(site_id)
    supplies = await business.store.supplies.on_site(site_id)
    now = business.clock.now()
    rows = [await _row(business, account, supplies, now) for account in accounts]
    return SiteView(
        site_id=site_id,
        name=site.name if site else site_id,
        rows=tuple(rows),
        on=sum(row.on is True for row in rows),
        off=sum(row.on is False for row in rows),
        silent=sum(row.silent for row in rows),
        arrears_micro=-sum(min(0, row.balance_micro) for row in rows),
    )


async def _row(business: Business, account: Account, supplies: Sequence[Supply], now: datetime) -> AccountRow:
    head = await business.store.ledger.head(account.id)
    meters: dict[str, Meter] = {meter.id: meter for meter in await business.store.meters.of_account(account.id)}
    own: list[Supply] = [s for s in supplies if s.account_id == account.id]
    views = [view_of(meters[supply.meter_id], supply, now) for supply in own]
    return AccountRow(
        account_id=account.id,
        label=account.label,
        balance_micro=head.balance_micro,
        on=None if not views or any(v.on is None for v in views) else all(v.on for v in views),
        wanted_on=all(v.wanted_on for v in views),
        outcome=max((v.outcome for v in views), key=_worst, default=Outcome.CONFIRMED),
        hold=next((v.hold for v in views if v.hold), None),
        silent=any(v.silent for v in views),
    )


def _worst(outcome: Outcome) -> int:
    return (Outcome.CONFIRMED, Outcome.PENDING, Outcome.UNCONFIRMED).index(outcome)
