"""The finances of a site and a month, from the ledger: balances, what moved them, energy by band, debts by age."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken, not_found
from prepaid.domain.finance import OLDER, WATER, AccountFinance, Finance, columns_of
from prepaid.domain.ledger import Kind, customer
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business, LedgerSpan
from prepaid.usecases.at_once import at_once
from prepaid.usecases.authorize import record
from prepaid.usecases.show_statement import Chain, month_ends

_WH, _BAND, _PRICE, _SEWAGE = 2, 3, 5, 6
"""Places in a stored line (`prepaid.domain.tariffs.lines`)."""


async def finance_report(business: Business, actor: Actor, site_id: str, month: str | None = None) -> Finance:
    """A local month ("2026-11", by default the running one) of the accounts that the actor audits (A2).

    Raises `Refused("refused.not_found")` alike for a site out of reach and one that does not exist.
    """
    site, accounts = await audited(business, actor, site_id)
    wanted = month or site.calendar.month(business.clock.now())
    since, until = month_ends(site, wanted)
    book = Book(business, since, until, await utilities(business, site.path), midnights(site, since, until))
    zone = ZoneInfo(site.calendar.time_zone)
    rows = [row async for row in at_once(accounts, book.account)]
    now = business.clock.now()
    return Finance(
        site_id=site.id,
        name=site.name,
        currency=site.currency,
        month=wanted,
        since=since,
        until=until,
        accounts=tuple(rows),
        days=tuple(at.astimezone(zone).date() for at in book.days if at <= now),
        as_of=min(until, now),
    )


async def audited(business: Business, actor: Actor, site_id: str) -> tuple[Site, Sequence[Account]]:
    """The site and those of its accounts whose books the actor may see; `Refused` where there is nothing to see."""
    site = await business.store.sites.site(site_id)
    accounts = await _accounts(business, actor, site) if site is not None else []
    if site is None or not (accounts or may(actor, Action.AUDIT, Subject(site.path))):
        await record(business, actor, Action.AUDIT, site_id, refused="refused.not_found")
        raise not_found()
    return site, accounts


async def utilities(business: Business, path: str) -> Mapping[str, Utility]:
    """What each meter counts."""
    return {meter.id: meter.utility for meter in await business.store.meters.below(path)}


def midnights(site: Site, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """When each local day of a span begins."""
    first, end = (site.calendar.local(at).date() for at in (since, until))
    return tuple(site.calendar.midnight(first + timedelta(days=place)) for place in range((end - first).days))


async def _accounts(business: Business, actor: Actor, site: Site) -> list[Account]:
    found = await business.store.sites.accounts_below(site.path)
    return [each for each in found if each.site_id == site.id and may(actor, Action.AUDIT, Subject(each.path))]


@dataclass(frozen=True, slots=True)
class Book:
    """Reads the accounts of a span of time."""

    business: Business
    since: datetime
    until: datetime
    utilities: Mapping[str, Utility]
    days: Sequence[datetime] = ()
    """When each local day begins; empty: nobody asks for days."""

    async def account(self, account: Account) -> AccountFinance:
        """One account: its entries in one question to the store."""
        span = await self.span(account)
        if not span.seqs:
            return await self._still(account)
        row = AccountFinance(
            account_id=account.id,
            label=account.label,
            opening_micro=span.balances_micro[0] - span.deltas_micro[0],
            closing_micro=span.balances_micro[-1],
            entries=len(span.seqs),
        )
        _move(row, span, customer(account.id))
        for at, delta in zip(span.ats, span.deltas_micro, strict=True):
            row.by_day_micro[max(0, bisect_right(self.days, at) - 1)] += delta
        if row.closing_micro < 0 and row.owes_since is None:
            row.owes_since = await self._owed_before(account)
        await self.energy(row, span)
        row.check()
        return row

    async def _owed_before(self, account: Account) -> datetime | None:
        """Since when a debt lasts that was there when the span began; None where that is longer ago than ages tell."""
        begins = min(self.since, self.business.clock.now())  # Of a month to come there is nothing but what is now.
        span = await self.business.store.ledger.between(account.id, begins - OLDER, self.since)
        befores = (after - delta for after, delta in zip(span.balances_micro, span.deltas_micro, strict=True))
        falls = zip(span.ats, befores, span.balances_micro, strict=True)
        return max((at for at, before, after in falls if after < 0 <= before), default=None)

    async def span(self, account: Account) -> LedgerSpan:
        """The entries in the order of the chain, without a gap."""
        ledger = self.business.store.ledger
        span = await ledger.between(account.id, self.since, self.until)
        if span.seqs and span.seqs[-1] - span.seqs[0] + 1 != len(span.seqs):
            # A clock that was set back posts later entries with earlier times: the chain decides, as in a statement.
            chain = await self._chain(account)
            span = await ledger.span(account.id, await chain.first_from(self.since), await chain.first_from(self.until))
        return span

    async def _chain(self, account: Account) -> Chain:
        return Chain(self.business, account.id, (await self.business.store.ledger.head(account.id)).seq)

    async def _still(self, account: Account) -> AccountFinance:
        """Nothing moved: what there was before is what there is after."""
        chain = await self._chain(account)
        balance = await chain.balance_after(await chain.first_from(self.since) - 1)
        row = AccountFinance(account_id=account.id, label=account.label, opening_micro=balance, closing_micro=balance)
        if balance < 0:
            row.owes_since = await self._owed_before(account)
        return row

    async def energy(self, row: AccountFinance, span: LedgerSpan) -> None:
        """Adds what the span bills, by band."""
        used: Counter[tuple[str, int]] = Counter()
        for place, lines in enumerate(await self._lines(row.account_id, span)):
            water = self.utilities.get(span.meters[place]) is Utility.WATER
            for line in lines:
                used[WATER if water else line[_BAND], sum(line[_PRICE : _SEWAGE + 1])] += line[_WH]
        for (band, price), wh in used.items():
            row.energy_wh[band] += wh
            row.exact_nano[band] += wh * price

    async def _lines(self, account_id: str, span: LedgerSpan) -> list[list[list[Any]]]:
        """The priced lines of each entry; those from before entries kept them are worked out."""
        found: list[list[list[Any]]] = json.loads(f"[{','.join([text or '[]' for text in span.lines])}]")
        if "" in span.lines:
            for place, (kind, text) in enumerate(zip(span.kinds, span.lines, strict=True)):
                if not text and kind == Kind.CONSUMPTION:
                    found[place].extend(await Chain(self.business, account_id, 0).explained(span.seqs[place]))
        return found


def _move(row: AccountFinance, span: LedgerSpan, own: str) -> None:
    """Adds up the columns, and finds since when the balance is below zero."""
    balance_micro, columns = row.opening_micro, row.columns
    below = None
    for place, (kind, delta, after) in enumerate(zip(span.kinds, span.deltas_micro, span.balances_micro, strict=True)):
        if balance_micro + delta != after:
            raise InvariantBroken(f"account {row.account_id} does not add up at {span.seqs[place]}")
        if after < 0 <= balance_micro:
            below = place
        balance_micro = after
        if kind == Kind.CONSUMPTION:
            columns[kind] += delta
        else:
            columns.update(columns_of(kind, span.moves[place], own))
    row.owes_since = span.ats[below] if balance_micro < 0 and below is not None else None
    row.columns = Counter({name: amount for name, amount in columns.items() if amount})
