"""A statement: everything that moved money on one account in a span of time, streamed, tied to both balances (T4).

Entries are in the order in which they were posted, and the span is that of posting. The lines run through the ledger a
page at a time, so a year of hourly entries takes no more memory than a day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import accumulate, chain, repeat
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import from_json

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.finance import WATER
from prepaid.domain.ledger import Entry, Head, Kind
from prepaid.domain.tariffs import Utility, counted_from_text
from prepaid.ports import Business, LedgerColumns
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.explain import explanation

MOST_DAYS = 400
_WH, _BAND, _PRICE, _SEWAGE = 2, 3, 5, 6
"""Places in a stored line (`prepaid.domain.tariffs.lines`)."""
_ENERGY = itemgetter(_WH)


class StatementLine(NamedTuple):
    """One entry. `energy_wh` is what it bills of `utility`: Wh, or litres of water."""

    seq: int
    at: datetime
    kind: str
    amount_micro: int
    balance_micro: int
    energy_wh: int
    utility: str = Utility.ELECTRICITY


_LINE: Callable[[tuple[Any, ...]], StatementLine] = partial(tuple.__new__, StatementLine)
"""A line of its fields in order, made without a call of Python's for each."""


@dataclass(slots=True)
class StatementTotals:
    """What the lines that were read so far add up to; of the whole statement once all are read."""

    entries: int = 0
    amount_micro: Counter[str] = field(default_factory=Counter)
    """By kind of entry."""
    energy_wh: Counter[str] = field(default_factory=Counter)
    """By band; all litres under `prepaid.domain.finance.WATER`."""
    exact_nano: Counter[str] = field(default_factory=Counter)
    """Exact cost by band, sewage included."""


@dataclass(slots=True, kw_only=True)
class StatementView:
    """A statement. `pages` is read once, and the totals grow with it."""

    account_id: str
    label: str
    currency: str
    site_time_zone: str
    since: datetime
    until: datetime
    opening_micro: int
    closing_micro: int
    entries: int
    pages: AsyncIterator[Sequence[StatementLine]]
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
        since, until = month_ends(site, month or site.calendar.month(now))
    until = until or now
    if not timedelta() < until - since <= timedelta(days=MOST_DAYS):
        raise Refused("refused.statement_span", most=MOST_DAYS)
    head = await business.store.ledger.head(account.id)
    entries = Chain(business, account.id, head.seq, waters=bills_water(head))
    first, end = await entries.first_from(since), await entries.first_from(until)
    opening, totals = await entries.balance_after(first - 1), StatementTotals()
    return StatementView(
        account_id=account.id,
        label=account.label,
        currency=site.currency,
        site_time_zone=site.calendar.time_zone,
        since=since,
        until=until,
        opening_micro=opening,
        closing_micro=await entries.balance_after(end - 1),
        entries=end - first,
        pages=_pages(entries, range(first, end), opening, totals),
        totals=totals,
    )


async def _pages(
    entries: Chain, span: range, balance_micro: int, totals: StatementTotals
) -> AsyncIterator[Sequence[StatementLine]]:
    async for page in entries.pages(span):
        used = _parsed(page)
        if "" in page.lines:
            for place, (kind, text) in enumerate(zip(page.kinds, page.lines, strict=True)):
                if not text and kind == Kind.CONSUMPTION:
                    used[place].extend(await entries.explained(page.first_seq + place))
        for place, water in enumerate(page.waters):
            if water:
                used[place] = [[*line[:_BAND], WATER, *line[_BAND + 1 :]] for line in used[place]]
        shown, balance_micro = _shown(page, used, balance_micro, totals)
        yield shown


def _shown(
    page: LedgerColumns, used: Sequence[Sequence[Sequence[Any]]], balance_micro: int, totals: StatementTotals
) -> tuple[list[StatementLine], int]:
    """The lines of a page and the balance behind it, added to the totals: by columns, because a year has thousands."""
    first, ats, kinds, deltas, _, waters = page
    balances = list(accumulate(deltas, initial=balance_micro))[1:]
    flat = list(chain.from_iterable(used))
    whs = _count(flat, totals)
    # Where every entry has one line, as most do, the energies of the lines are those of the entries.
    one_each = {*map(len, used)} == {1}
    energies = whs if one_each else [sum(map(_ENERGY, lines)) for lines in used]
    totals.entries += len(kinds)
    totals.amount_micro.update(_amounts(kinds, deltas))
    seqs, utilities = range(first, first + len(kinds)), [_UTILITIES[water] for water in waters]
    columns = zip(seqs, ats, kinds, deltas, balances, energies, utilities or _ALL_ELECTRICITY, strict=False)
    shown = list(map(_LINE, columns))
    return shown, balances[-1]


_UTILITIES = (str(Utility.ELECTRICITY), str(Utility.WATER))
_ALL_ELECTRICITY = repeat(_UTILITIES[0])


def _amounts(kinds: Sequence[str], deltas: Sequence[int]) -> dict[str, int]:
    """What moved, by kind. Most pages have one kind alone."""
    if len({*kinds}) == 1:
        return {kinds[0]: sum(deltas)}
    amounts: dict[str, int] = {}
    for kind, delta in zip(kinds, deltas, strict=True):
        amounts[kind] = amounts.get(kind, 0) + delta
    return amounts


def _count(lines: Sequence[Sequence[Any]], totals: StatementTotals) -> Sequence[int]:
    """Adds priced lines to the totals by band; first by price, of which there are few. Returns the energy of each."""
    if {*map(len, lines)} == {_SEWAGE}:
        _, _, whs, bands, _, prices = zip(*lines, strict=True)
        keys: Iterable[tuple[str, int]] = zip(bands, prices, strict=True)
    else:
        whs, keys = tuple(map(_ENERGY, lines)), map(_with_sewage, lines)
    used: defaultdict[tuple[str, int], int] = defaultdict(int)
    for key, wh in zip(keys, whs, strict=True):
        used[key] += wh
    for (band, price), wh in used.items():
        totals.energy_wh[band] += wh
        totals.exact_nano[band] += wh * price
    return whs


def _with_sewage(line: Sequence[Any]) -> tuple[Any, Any]:
    return line[_BAND], sum(line[_PRICE : _SEWAGE + 1])


def _parsed(page: LedgerColumns) -> list[list[list[Any]]]:
    """The priced lines of a page, read as one text: that takes a fraction of the time of many."""
    parsed: list[list[list[Any]]] = from_json(f"[{','.join([text or '[]' for text in page.lines])}]")
    return parsed


class Chain:
    """Finds places in the chain by time, with few questions: entries come at a fairly even pace."""

    def __init__(self, business: Business, account_id: str, last_seq: int, *, waters: bool = False) -> None:
        self._business = business
        self._account_id = account_id
        self._last = last_seq
        self._waters = waters
        self._known: dict[int, Entry] = {}

    async def first_from(self, at: datetime) -> int:
        """The first `seq` posted at or after an instant; one past the end if there is none."""
        low, high = 0, self._last + 1  # Entry `low` is before the instant (or the beginning), `high` is not.
        while high - low > 1:
            probe = await self._guess(low, high, at)
            if (await self._entry(probe)).at < at:
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
        before, after = (await self._entry(low)).at, (await self._entry(min(high, self._last))).at
        if (high - low) % 2 or after <= before:
            return (low + high) // 2
        return min(high - 1, max(low + 1, low + (high - low) * ((at - before) // _MS) // ((after - before) // _MS)))

    async def balance_after(self, seq: int) -> int:
        """The balance behind an entry; nothing before the first."""
        return 0 if seq == 0 else (await self._entry(seq)).balance_micro

    async def explained(self, seq: int) -> list[list[Any]]:
        """The lines of an entry from before entries kept them, in the shape that others keep."""
        found = explanation(await self._entry(seq)).lines
        return [[0, 0, line.energy_wh, line.band, 0, line.price_micro] for line in found]

    def pages(self, span: range) -> AsyncIterator[LedgerColumns]:
        """The entries of a span, page by page."""
        ledger = self._business.store.ledger
        return ledger.columns(self._account_id, span.start, span.stop - 1, waters=self._waters)

    async def _entry(self, seq: int) -> Entry:
        entry = self._known.get(seq) or await self._business.store.ledger.entry(self._account_id, seq)
        if entry is None:
            raise InvariantBroken(f"account {self._account_id} lacks entry {seq}")
        self._known[seq] = entry
        return entry


_MS = timedelta(milliseconds=1)


def bills_water(head: Head) -> bool:
    """Whether the account has ever been billed for water: only then do its entries say what each of them bills."""
    return Utility.WATER in counted_from_text(head.counted)


def month_ends(site: Site, month: str) -> tuple[datetime, datetime]:
    """When a local month ("2026-11") begins and ends; `Refused` for what is none."""
    try:
        first = date.fromisoformat(f"{month}-01")
        after = (first + timedelta(days=32)).replace(day=1)
        since, until = site.calendar.midnight(first), site.calendar.midnight(after)
    except (ValueError, OverflowError) as error:
        raise Refused("refused.statement_month", text=month[:20]) from error
    return since, until
