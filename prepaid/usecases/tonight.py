"""Who would be cut off on a site until the next noon, when, and who is spared, by which rule. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import not_found
from prepaid.domain.forecast import Fate, play
from prepaid.domain.supply import Facts, Inputs
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.authorize import record, scopes
from prepaid.usecases.gather_facts import gather_facts, site_cuts
from prepaid.usecases.overview import balances_of

NOON = time(12)
NAMES_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TonightRow:
    """One supply without credit. `at` is the instant of its cut, None if it is spared; `rule` is a text key."""

    account_id: str
    label: str
    meter_id: str
    balance_micro: int
    rule: str
    inputs: Inputs
    at: datetime | None
    spared_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """The coming night of a site, as far as the actor's jurisdiction reaches."""

    site_id: str
    at: datetime
    until: datetime
    time_zone: str
    cut: tuple[TonightRow, ...]
    spared: tuple[TonightRow, ...]


async def tonight(business: Business, actor: Actor, site_id: str) -> Tonight:
    """Plays the policy over the whole site, whose limits its supplies share, and shows the actor's own part (A2)."""
    site = await business.store.sites.site(site_id)
    reach = scopes(actor, Action.SEE_SITE)
    if site is None or not any(covers(scope, site.path) or covers(site.path, scope) for scope in reach):
        await record(business, actor, Action.SEE_SITE, site_id, refused="refused.not_found")
        raise not_found()
    now = business.clock.now()
    until = next_noon(site.calendar, now)
    cases = await _cases(business, site)
    fates = play([facts for _, facts in cases], site.policy, site.calendar, now=now, until=until)
    by_meter = {facts.supply.meter_id: (account, facts) for account, facts in cases}
    rows = [_row(*by_meter[fate.meter_id], fate) for fate in fates if _seen(reach, by_meter[fate.meter_id][0])]
    return Tonight(
        site_id=site.id,
        at=now,
        until=until,
        time_zone=site.calendar.time_zone,
        cut=tuple(row for row in rows if row.at is not None),
        spared=tuple(row for row in rows if row.at is None),
    )


def next_noon(calendar: SiteCalendar, now: datetime) -> datetime:
    """The first noon after `now` on the site's wall clock."""
    local = calendar.local(now)
    noon = datetime.combine(local.date(), NOON, tzinfo=local.tzinfo)
    if noon <= local:
        noon = datetime.combine(local.date() + timedelta(days=1), NOON, tzinfo=local.tzinfo)
    return noon.astimezone(now.tzinfo)


async def _cases(business: Business, site: Site) -> list[tuple[Account, Facts]]:
    """The facts about every supply of the site whose account has run out of credit.

    The account rows choose whom to look at, the ledger says whether it is so (M16).
    """
    cuts = await site_cuts(business, site, business.clock.now())

    async def of(account: Account) -> list[tuple[Account, Facts]]:
        head = await business.store.ledger.head(account.id)
        if head.balance_micro > account.floor_micro:
            return []
        meters = {meter.id: meter for meter in await business.store.meters.of_account(account.id)}
        return [
            (account, await gather_facts(business, account, site, meters[supply.meter_id], supply, cuts=cuts))
            for supply in await business.store.supplies.of_account(account.id)
        ]

    return [case async for cases in at_once(await _without_credit(business, site), of) for case in cases]


async def _without_credit(business: Business, site: Site) -> list[Account]:
    """Picked out of columns: looking at the chain of each account would take a large site minutes."""
    panorama = business.store.panorama
    columns = await panorama.accounts(site.path)
    floors = {
        account_id: -aside_micro
        for account_id, site_id, aside_micro in zip(columns.ids, columns.site_ids, columns.aside_micro, strict=True)
        if site_id == site.id
    }
    balances = await balances_of(business, list(floors))
    wanted = sorted(account_id for account_id, micro in balances.items() if micro <= floors[account_id])
    chunks = [wanted[first : first + NAMES_AT_ONCE] for first in range(0, len(wanted), NAMES_AT_ONCE)]
    rows = [row for chunk in chunks for row in await business.store.sites.accounts(chunk)]
    return sorted(rows, key=lambda row: row.path)


def _seen(reach: tuple[str, ...], account: Account) -> bool:
    return any(covers(scope, account.path) for scope in reach)


def _row(account: Account, facts: Facts, fate: Fate) -> TonightRow:
    return TonightRow(
        account_id=account.id,
        label=account.label,
        meter_id=fate.meter_id,
        balance_micro=facts.balance_micro,
        rule=fate.verdict.rule,
        inputs=fate.verdict.inputs,
        at=fate.at,
        spared_until=None if fate.at is not None else fate.verdict.again_at,
    )
