"""The journal, orders, the inbox of notifications, and providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol, runtime_checkable

from prepaid.domain.bills import Bill
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry, Head, Posting
from prepaid.domain.orders import Merchant, Order, OrderState, Payment


class LedgerColumns(NamedTuple):
    """What a statement needs of entries that follow one another: a list for each field, of one length.

    `lines` holds the text of an entry's priced lines, or "" where it has none. `waters` says which entries bill water;
    it is empty where that was not asked.
    """

    first_seq: int
    ats: Sequence[datetime]
    kinds: Sequence[str]
    deltas_micro: Sequence[int]
    lines: Sequence[str]
    waters: Sequence[bool] = ()


class LedgerSpan(NamedTuple):
    """The entries of one account in a span, in order: a list for each field, of one length.

    `lines` is as in `LedgerColumns`, `meters` names the meter that an entry bills ("" for none), and `moves` holds an
    entry's (ledger account, micro-yuan) pairs where it is no consumption.
    """

    seqs: Sequence[int]
    ats: Sequence[datetime]
    kinds: Sequence[str]
    deltas_micro: Sequence[int]
    balances_micro: Sequence[int]
    lines: Sequence[str]
    meters: Sequence[str]
    moves: Sequence[Sequence[tuple[str, int]]]


class Ledger(Protocol):
    """The journal. The insert of an entry is the commit."""

    async def post(self, posting: Posting) -> Entry:
        """Commits once per `idem`; a repeat returns the stored entry. `Refused` below the floor or for another body."""
        ...

    async def post_many(self, postings: Sequence[Posting]) -> Sequence[Entry | Refused]:
        """Commits each as `post` does, in one go: its entry or why it was refused, in order. One for an account."""
        ...

    async def head(self, account_id: str) -> Head:
        """The end of the account's chain, from committed entries (M16)."""
        ...

    async def cached(self, account_ids: Sequence[str]) -> Mapping[str, Head]:
        """The account rows: never ahead of the chain, perhaps behind it. Good for choosing whom to look at closely."""
        ...

    async def by_idem(self, account_id: str, idem: str) -> Entry | None:
        """The entry with that key."""
        ...

    async def latest(self, account_id: str, limit: int, *, before_seq: int | None = None) -> Sequence[Entry]:
        """The newest entries (before one, if it is named), newest first; at most `limit` (<= 100)."""
        ...

    async def entry(self, account_id: str, seq: int) -> Entry | None:
        """One entry by its place in the chain."""
        ...

    def columns(
        self, account_id: str, first_seq: int, last_seq: int, *, waters: bool = False
    ) -> AsyncIterator[LedgerColumns]:
        """What a statement needs of the entries `first_seq` to `last_seq`, in order, a page at a time."""
        ...

    async def between(self, account_id: str, since: datetime, until: datetime) -> LedgerSpan:
        """The entries posted in [since, until)."""
        ...

    async def span(self, account_id: str, first_seq: int, until_seq: int) -> LedgerSpan:
        """The entries `first_seq` to `until_seq`, the latter excluded."""
        ...

    async def moves(self, account_id: str, seqs: Sequence[int]) -> Sequence[tuple[str, Sequence[tuple[str, int]]]]:
        """(kind, (ledger account, micro-yuan) of each line) of some entries, in order."""
        ...

    def replay(self) -> AsyncIterator[Entry]:
        """Every entry, ordered by (account, seq)."""
        ...

    def cached_heads(self) -> AsyncIterator[tuple[str, Head]]:
        """The account rows, for the audit."""
        ...


class Orders(Protocol):
    """Top-up orders."""

    async def add(self, order: Order) -> None: ...
    async def get(self, order_id: str) -> Order | None: ...
    async def move(self, order_id: str, old: OrderState, new: OrderState, **changes: object) -> bool:
        """Takes an allowed edge and sets fields with it, only if the order still is in `old`."""
        ...

    async def keep(self, order: Order) -> Order:
        """Keeps it once; returns the row that is there, which may be an older one of the same number."""
        ...

    async def asked(self, order_id: str, at: datetime, next_at: datetime) -> None:
        """Counts a question to the provider; the next one comes at `next_at`."""
        ...

    async def due(self, states: frozenset[OrderState], at: datetime, limit: int) -> Sequence[Order]:
        """Those in these states whose next question has come, the longest due first."""
        ...

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Those that there are, by number."""
        ...

    async def any_asked(self, provider: str, since: datetime, until: datetime) -> bool:
        """Whether any order was made in `[since, until)`."""
        ...

    async def paid_between(self, provider: str, since: datetime, until: datetime) -> Sequence[Order]:
        """Orders whose money came in `[since, until)`, whatever became of them."""
        ...

    async def in_states(self, states: frozenset[OrderState], limit: int) -> Sequence[Order]:
        """Oldest first."""
        ...

    async def of_account(self, account_id: str, limit: int, *, until: datetime | None = None) -> Sequence[Order]:
        """Newest first; with `until` those that were not opened after it."""
        ...

    async def unsettled(self, account_id: str) -> bool:
        """Whether money may be on its way: any order paid or unknown (S3)."""
        ...

    async def begin_refund(self, order: Order, refund_id: str) -> bool:
        """Reserves the order for one refund, only if it still stands as it was read."""
        ...

    async def end_refund(self, order_id: str, refund_id: str, state: OrderState, refunded_fen: int) -> bool:
        """Ends the refund under way, only if it is this one."""
        ...

    async def refund_sent(self, order_id: str, at: datetime) -> None:
        """A refund goes out now: the next one keeps its distance."""
        ...

    async def claim(self, payment: Payment) -> str:
        """Binds a provider transaction to its order, once for ever; returns the order id that holds the claim (M4)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """A verified notification, kept before it is answered (M7). `raw` is the body as received."""

    id: str
    provider: str
    kind: str
    raw: bytes
    headers: Mapping[str, str]
    payment: Payment | None
    received_at: datetime
    refund_id: str | None = None
    """Our number of a refund that there is news of: the provider is asked about it, the row itself proves nothing."""
    done: bool = False
    attempts: int = 0


class Inbox(Protocol):
    """Verified notifications."""

    async def keep(self, row: InboxRow) -> bool:
        """Journals a row; False when its id was there already."""
        ...

    async def waiting(self, limit: int) -> Sequence[InboxRow]:
        """Rows not worked yet, oldest first."""
        ...

    async def waiting_for_account(self, account_id: str) -> bool:
        """Whether any unworked row names an order of the account (S3)."""
        ...

    async def worked(self, row_id: str) -> None: ...
    async def failed(self, row_id: str) -> None:
        """Counts a failed attempt."""
        ...


class PaymentProvider(Protocol):
    """One way to pay. Raises `Refused` (the provider said no), `TryAgain` (nothing happened) or `Unknown` (ask)."""

    @property
    def name(self) -> str: ...
    @property
    def merchant(self) -> Merchant: ...
    async def create(self, order: Order, description: str) -> str:
        """Asks for the payment by `order.way`; returns the URI to scan or open, or for `IN_APP` the call's parameters.

        The same order number may be asked again. `Refused("refused.pay_way")` for a way that this merchant lacks.
        """
        ...

    async def query(self, order: Order) -> Payment | None:
        """The payment if the provider has one, None while it is unpaid."""
        ...

    async def close(self, order: Order) -> bool:
        """Closes an unpaid order, or finds that there is nothing to close; False when it turned out to be paid."""
        ...


@runtime_checkable
class BillingProvider(Protocol):
    """A provider that sends a bill for each day."""

    async def bill(self, day: date) -> Bill:
        """The bill of a day of the provider's calendar. `TryAgain("try_again.bill_not_ready")` before it is made."""
        ...


@runtime_checkable
class FindingProvider(Protocol):
    """A provider that can be asked by its own transaction number, for a payment that somebody says was lost."""

    async def find(self, txn_id: str) -> Payment | None:
        """The payment with this number if it is ours and has money, else None. `Refused` for a malformed number."""
        ...
