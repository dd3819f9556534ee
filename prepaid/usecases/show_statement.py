"""A statement: everything that moved money on one account in a span of time, streamed, tied to both balances (T4).

Entries are in the order in which they were posted, and the span is that of posting. The lines run through the ledger a
page at a time, so a year of hourly entries takes no more memory than a day.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Kind
from prepaid.ports import Business, LedgerRow
from prepaid.usecases.authorize import reach_account, site_of

MOST_DAYS = 400
NANO_PER_MICRO = 1000
UNKNOWN_BAND = "flat"
_SEWAGE = 6


@dataclass(slots=True)
class StatementTotals:
    """What the lines that were read so far add up to; of the whole statement once all are read."""

    entries: int = 0
    amount_micro: Counter[str] = field(default_factory=Counter)
    """By kind of entry."""
    energy_wh: Counter[str] = field(default_factory=Counter)
    """By band."""
    exact_nano: Counter[str] = field(default_factory=Counter)
    """Exact cost by band, sewage included."""


@dataclass(slots=True, kw_only=True)
class StatementView:
    """A statement. `lines` is read once, and the totals grow with it."""

    account_id: str
    label: str
    currency: str
    site_time_zone: str
    since: datetime
    until: datetime
    opening_micro: int
    closing_micro: int
    entries: int
    lines: AsyncIterator[LedgerRow]
    totals: StatementTotals


async def show_statement(
    business: Business,
    actor: Actor,
    account_id: str,
    *,
    month: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> StatementView:
    """The statement of a local month ("2026-11", by default the running one) or of [since, until)."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    site = await site_of(business, account)
    now = business.clock.now()
    if since is None:
        since, until = _month(site, month or site.calendar.month(now))
    until = until or now
    if not timedelta() < until - since <= timedelta(days=MOST_DAYS):
        raise Refused("refused.statement_span", most=MOST_DAYS)
    chain = _Chain(business, account.id, (await business.store.ledger.head(account.id)).seq)
    first, end = await chain.first_from(since), await chain.first_from(until)
    totals = StatementTotals()
    return StatementView(
        account_id=account.id,
        label=account.label,
        currency=site.currency,
        site_time_zone=site.calendar.time_zone,
        since=since,
        until=until,
        opening_micro=await chain.balance_after(first - 1),
        closing_micro=await chain.balance_after(end - 1),
        entries=end - first,
        lines=_lines(business, account.id, range(first, end), totals),
        totals=totals,
    )


async def _lines(business: Business, account_id: str, span: range, totals: StatementTotals) -> AsyncIterator[LedgerRow]:
    async for page in business.store.ledger.rows(account_id, span.start, span.stop - 1):
        _count(page, totals)
        for row in page:
            yield row


def _count(page: Sequence[LedgerRow], totals: StatementTotals) -> None:
    """Adds a page. Its lines are read as one text, which takes a fraction of the time of many."""
    totals.entries += len(page)
    amounts, energy, exact = totals.amount_micro, totals.energy_wh, totals.exact_nano
    parsed = json.loads(f"[{','.join([row.lines or '[]' for row in page])}]")
    for row, lines in zip(page, parsed, strict=True):
        amounts[row.kind] += row.delta_micro
        for line in lines:
            wh, band = line[2], line[3]
            energy[band] += wh
            exact[band] += wh * (line[5] + line[_SEWAGE] if len(line) > _SEWAGE else line[5])
        if row.lines is None and row.energy_wh and row.kind == Kind.CONSUMPTION:
            energy[UNKNOWN_BAND] += row.energy_wh
            exact[UNKNOWN_BAND] -= row.delta_micro * NANO_PER_MICRO


class _Chain:
    """Finds places in the chain by time, with few questions: entries come at a fairly even pace."""

    def __init__(self, business: Business, account_id: str, last_seq: int) -> None:
        self._business = business
        self._account_id = account_id
        self._last = last_seq
        self._known: dict[int, LedgerRow] = {}

    async def first_from(self, at: datetime) -> int:
        """The first `seq` posted at or after an instant; one past the end if there is none."""
        low, high = 0, self._last + 1  # Entry `low` is before the instant (or the beginning), `high` is not.
        while high - low > 1:
            probe = await self._guess(low, high, at)
            if (await self._row(probe)).at < at:
                low = probe
            else:
                high = probe
        return high

    async def _guess(self, low: int, high: int, at: datetime) -> int:
        """The ends first, then by turns where an even pace would put it and in the middle."""
        if high == self._last + 1 and low < self._last:
            return self._last
        if low == 0:
            return 1
        before, after = (await self._row(low)).at, (await self._row(min(high, self._last))).at
        if (high - low) % 2 or after <= before:
            return (low + high) // 2
        return min(high - 1, max(low + 1, low + (high - low) * ((at - before) // _MS) // ((after - before) // _MS)))

    async def balance_after(self, seq: int) -> int:
        """The balance behind an entry; nothing before the first."""
        return 0 if seq == 0 else (await self._row(seq)).balance_micro

    async def _row(self, seq: int) -> LedgerRow:
        if seq not in self._known:
            async for page in self._business.store.ledger.rows(self._account_id, seq, seq):
                self._known[seq] = page[0]
        return self._known[seq]


_MS = timedelta(milliseconds=1)


def _month(site: Site, month: str) -> tuple[datetime, datetime]:
    """The ends of a local month."""
    zone = ZoneInfo(site.calendar.time_zone)
    try:
        first = date.fromisoformat(f"{month}-01")
        after = (first + timedelta(days=32)).replace(day=1)
        since, until = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, after))
    except (ValueError, OverflowError) as error:
        raise Refused("refused.statement_month", text=month[:20]) from error
    return since, until
