"""Sites, meters, accounts and the audit trail in an admin's reach, a page at a time (A2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import not_found
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Supply
from prepaid.ports import AuditRecord, Business
from prepaid.usecases.authorize import reach_place, scopes
from prepaid.usecases.supply_views import view_of
from prepaid.usecases.views import AccountLine, SupplyView

SKIP_MOST = 1_000
"""Records of one instant that a page can begin behind."""
PAGE_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """One account in a list for staff."""

    line: AccountLine
    site_id: str
    path: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """One meter in a list for staff. Its supply is None where it has no relay of its own in the books."""

    meter: Meter
    label: str
    supply: SupplyView | None


async def sites_in_reach(business: Business, actor: Actor) -> tuple[Site, ...]:
    """Sites that lie in the actor's reach, or that it lies in. Raises `Refused` for a person without any role."""
    reach = _reach(actor)
    sites = await business.store.sites.sites()
    return tuple(
        sorted(
            (site for site in sites if any(covers(scope, site.path) or covers(site.path, scope) for scope in reach)),
            key=lambda site: site.path,
        )
    )


async def accounts_in_reach(
    business: Business, actor: Actor, *, after: str = "", limit: int = PAGE_MOST
) -> tuple[AccountFacts, ...]:
    """Accounts by path, from the one after `after` (a `place_key`) on."""
    page = await _page(business, actor, after, limit)
    heads = await asyncio.gather(*(business.store.ledger.head(account.id) for account in page))
    return tuple(
        AccountFacts(
            line=AccountLine(account_id=account.id, label=account.label, balance_micro=head.balance_micro),
            site_id=account.site_id,
            path=account.path,
            status=account.status,
        )
        for account, head in zip(page, heads, strict=True)
    )


async def meters_in_reach(
    business: Business, actor: Actor, *, after: str = "", limit: int = PAGE_MOST
) -> tuple[tuple[MeterFacts, ...], str]:
    """The meters of a page of accounts, and the `place_key` of the last; "" when there are no more."""
    page = await _page(business, actor, after, limit)
    found = [each for rows in await asyncio.gather(*(_meters_of(business, one) for one in page)) for each in rows]
    return tuple(found), place_key(page[-1].path, page[-1].id) if len(page) == limit else ""


async def audit_in_reach(
    business: Business,
    actor: Actor,
    path: str,
    *,
    limit: int = PAGE_MOST,
    until: datetime | None = None,
    skip: int = 0,
) -> Sequence[AuditRecord]:
    """The newest records about a place and all in it. Raises `Refused("refused.not_found")` out of reach.

    A page goes on where the one before ended: at the instant `until`, of whose records `skip` were shown.
    """
    await reach_place(business, actor, path, Action.AUDIT)
    most = min(limit, PAGE_MOST)
    return (await business.store.audit.latest(path, most + min(skip, SKIP_MOST), until=until))[skip:]


async def _page(business: Business, actor: Actor, after: str, limit: int) -> list[Account]:
    found = [each for scope in _reach(actor) for each in await business.store.sites.accounts_below(scope)]
    rest = sorted(
        (each for each in found if (each.path, each.id) > _place(after)), key=lambda each: (each.path, each.id)
    )
    return rest[: min(max(limit, 1), PAGE_MOST)]


def place_key(path: str, account_id: str) -> str:
    """Where a page ends: the wallets of one tenancy share a path."""
    return f"{path}\n{account_id}"


def _place(after: str) -> tuple[str, str]:
    path, _, account_id = after.partition("\n")
    return path, account_id


async def _meters_of(business: Business, account: Account) -> list[MeterFacts]:
    meters, supplies = await asyncio.gather(
        business.store.meters.of_account(account.id), business.store.supplies.of_account(account.id)
    )
    by_meter: dict[str, Supply] = {supply.meter_id: supply for supply in supplies}
    now = business.clock.now()
    return [
        MeterFacts(
            meter=meter,
            label=account.label,
            supply=view_of(meter, by_meter[meter.id], now) if meter.id in by_meter else None,
        )
        for meter in meters
    ]


def _reach(actor: Actor) -> tuple[str, ...]:
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        raise not_found()
    return reach
