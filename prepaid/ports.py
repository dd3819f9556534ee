"""What the business needs of the world: one Protocol each. Adapters implement them; tests use real ones or small fakes.

Times are aware UTC, money is micro-yuan unless the name says fen, energy is Wh. Stores raise
`TryAgain("try_again.store")` when the database cannot be reached and `Unknown` when a write may have landed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prepaid.domain.accounts import Account, Site
from prepaid.domain.ledger import Entry, Head, Posting
from prepaid.domain.metering import Gateway, Meter, Reading, Usage, Watermark
from prepaid.domain.notices import Notice
from prepaid.domain.orders import Merchant, Order, OrderState, Payment
from prepaid.domain.people import Address, BindCode, Person
from prepaid.domain.supply import Hold, Outcome, Reported, Supply, Wanted


class Clock(Protocol):
    """Wall time for records, monotonic time for durations (Y4)."""

    def now(self) -> datetime:
        """Aware UTC, to the millisecond."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class Waiter(Protocol):
    """Listens to wake-ups from when it is made."""

    async def wait(self, timeout_s: float) -> bool:
        """True when woken (all wake-ups since the last call are one), False when the time is up. Losses never raise."""
        ...


class Wakeups(Protocol):
    """Hints that there is work. Losing one costs time, never truth (Y2)."""

    async def wake(self, topic: str) -> None:
        """Wakes whoever waits for `topic`. Never raises."""
        ...

    def waiter(self, *topics: str) -> AbstractAsyncContextManager[Waiter]:
        """A waiter for any of `topics`."""
        ...


TOPIC_INBOX = "inbox"
TOPIC_OUTBOX = "outbox"


def topic_gateway(gateway_id: str) -> str:
    """Wakes the owner of a bus."""
    return f"gateway:{gateway_id}"


class Ledger(Protocol):
    """The journal. The insert of an entry is the commit."""

    async def post(self, posting: Posting) -> Entry:
        """Commits once per `idem`; a repeat returns the stored entry. `Refused` below the floor or for another body."""
        ...

    async def head(self, account_id: str) -> Head:
        """The end of the account's chain, from committed entries (M16)."""
        ...

    async def by_idem(self, account_id: str, idem: str) -> Entry | None:
        """The entry with that key."""
        ...

    async def latest(self, account_id: str, limit: int) -> Sequence[Entry]:
        """The newest entries, newest first; at most `limit` (<= 100)."""
        ...

    def replay(self) -> AsyncIterator[Entry]:
        """Every entry, ordered by (account, seq)."""
        ...

    def cached_heads(self) -> AsyncIterator[tuple[str, Head]]:
        """The account rows, for the audit."""
        ...


class Sites(Protocol):
    """Sites, accounts, gateways and meters as they were set up."""

    async def site(self, site_id: str) -> Site | None: ...
    async def save_site(self, site: Site) -> None: ...
    async def sites(self) -> Sequence[Site]: ...
    async def account(self, account_id: str) -> Account | None: ...
    async def accounts_below(self, scope: str) -> Sequence[Account]:
        """Accounts whose path lies in the subtree `scope`, ordered by path."""
        ...

    async def save_account(self, account: Account) -> None: ...
    async def gateway(self, gateway_id: str) -> Gateway | None: ...
    async def gateways(self) -> Sequence[Gateway]: ...
    async def save_gateway(self, gateway: Gateway) -> None: ...


class Meters(Protocol):
    """Meters with their watermark and last reading."""

    async def get(self, meter_id: str) -> Meter | None: ...
    async def on_gateway(self, gateway_id: str) -> Sequence[Meter]: ...
    async def of_account(self, account_id: str) -> Sequence[Meter]: ...
    async def add(self, meter: Meter) -> None:
        """Creates or re-describes a meter; never touches watermark or readings of an existing one."""
        ...

    async def move_watermark(self, meter_id: str, old: Watermark | None, new: Watermark) -> bool:
        """Moves it only if it still is `old`; False when somebody else moved it."""
        ...

    async def saw(self, readings: Sequence[tuple[Reading, int]]) -> None:
        """Stores plausible readings as their meters' last, each with the length of its run of fresh ones."""
        ...

    async def held(self, meter_id: str) -> None:
        """Counts one more implausible reading and resets the run of fresh ones."""
        ...

    async def silent(self, meter_ids: Sequence[str], at: datetime | None) -> None:
        """Marks meters silent since `at` (kept if already silent), or answering again for None."""
        ...


class Readings(Protocol):
    """Readings at scale: day buckets with slot-keyed writes."""

    async def keep(self, readings: Sequence[Reading], site_time_zone: str) -> None:
        """Stores each reading in its quarter-hour slot; the first of a slot wins. Repeats are harmless."""
        ...

    async def usage_by_hour(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Energy per hour that has readings, oldest first."""
        ...


class Supplies(Protocol):
    """Wanted against reported."""

    async def get(self, meter_id: str) -> Supply | None: ...
    async def add(self, supply: Supply) -> None:
        """Creates the row of a meter if there is none."""
        ...

    async def on_gateway(self, gateway_id: str) -> Sequence[Supply]: ...
    async def of_account(self, account_id: str) -> Sequence[Supply]: ...
    async def on_site(self, site_id: str) -> Sequence[Supply]: ...
    async def want(self, meter_id: str, old_generation: int, wanted: Wanted) -> bool:
        """Sets a wanted state with generation `old_generation + 1`; False when the generation has moved on."""
        ...

    async def record(
        self, meter_id: str, generation: int, reported: Reported, outcome: Outcome, *, operated: bool, day: str
    ) -> bool:
        """Stores what the relay said under `generation`; older generations change nothing (S6). Counts operations."""
        ...

    async def attempt(self, meter_id: str, generation: int, outcome: Outcome) -> None:
        """Counts one try that did not end confirmed."""
        ...

    async def saw(self, meter_id: str, reported: Reported) -> None:
        """Stores the relay state seen in a poll."""
        ...

    async def hold(self, meter_id: str, hold: Hold | None) -> None: ...
    async def wanted_off(self, limit: int) -> Sequence[Supply]:
        """Supplies that are off by rule, not by hand; longest first."""
        ...

    async def cuts_since(self, site_id: str, since: datetime) -> int:
        """How many supplies of the site are wanted off since `since`."""
        ...


class Orders(Protocol):
    """Top-up orders."""

    async def add(self, order: Order) -> None: ...
    async def get(self, order_id: str) -> Order | None: ...
    async def move(self, order_id: str, old: OrderState, new: OrderState, **changes: object) -> bool:
        """Takes an allowed edge and sets fields with it, only if the order still is in `old`."""
        ...

    async def asked(self, order_id: str, at: datetime) -> None:
        """Counts a question to the provider."""
        ...

    async def in_states(self, states: frozenset[OrderState], limit: int) -> Sequence[Order]:
        """Oldest first."""
        ...

    async def of_account(self, account_id: str, limit: int) -> Sequence[Order]:
        """Newest first."""
        ...

    async def unsettled(self, account_id: str) -> bool:
        """Whether money may be on its way: any order paid or unknown (S3)."""
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


class Notices(Protocol):
    """The outbox."""

    async def queue(self, notice: Notice) -> bool:
        """Inserts the row if its id is new."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Notice]:
        """Queued rows whose time has come, oldest first."""
        ...

    async def claim(self, notice: Notice, until: datetime) -> bool:
        """Leases a due row to this process until `until`; False when another has it."""
        ...

    async def done(self, notice_id: str, at: datetime, *, delivered: bool) -> None:
        """Ends a row: delivered, or exhausted."""
        ...

    async def later(self, notice_id: str, next_at: datetime) -> None:
        """Counts a failure and sets the next try."""
        ...

    async def find(self, prefix: str) -> Sequence[Notice]:
        """Rows whose id starts with `prefix` (at most 100)."""
        ...

    async def of_account(self, account_id: str, limit: int) -> Sequence[Notice]:
        """The newest rows about an account, newest first."""
        ...

    async def thread_message(self, order_id: str, person_id: str) -> tuple[str, str] | None:
        """(message reference, last stage shown) of a payment thread."""
        ...

    async def set_thread_message(self, order_id: str, person_id: str, reference: str, stage: str) -> None: ...


class People(Protocol):
    """Persons, their bindings and addresses."""

    async def get(self, person_id: str) -> Person | None: ...
    async def at(self, channel: str, user: str, *, language: str) -> Person:
        """The person with that address; made on first contact."""
        ...

    async def save(self, person: Person) -> None: ...
    async def bind(self, person_id: str, account_id: str) -> None: ...
    async def unbind(self, person_id: str, account_id: str) -> None: ...
    async def set_language(self, person_id: str, language: str) -> None: ...
    async def of_account(self, account_id: str) -> Sequence[Person]: ...
    async def staff_over(self, path: str) -> Sequence[Person]:
        """Persons who hold any role on a subtree that contains `path`."""
        ...

    async def add_code(self, code: BindCode) -> None: ...
    async def code(self, code_hash: str) -> BindCode | None: ...
    async def use_code(self, code_hash: str, person_id: str) -> bool:
        """Takes the code for this person; False when it was taken (the same person taking it again is True)."""
        ...

    async def count_try(self, key: str, at: datetime, window_s: int) -> int:
        """Counts a binding attempt of `key` in the current window; returns the count (A5)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Who did what to what and why (A3). `refused` holds the text key when it was not allowed."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str = ""
    before: str = ""
    after: str = ""
    refused: str = ""


class AuditTrail(Protocol):
    """Append-only."""

    async def add(self, record: AuditRecord) -> None: ...
    async def latest(self, scope: str, limit: int) -> Sequence[AuditRecord]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who owns a resource. `token` grows with every change of owner and is checked at each effect."""

    resource: str
    owner: str
    token: int
    until: datetime


class Leases(Protocol):
    """Leases with fencing tokens, in the database."""

    async def take(self, resource: str, owner: str, ttl_s: float) -> Lease | None:
        """Takes or renews; None while another owner's lease lives."""
        ...

    async def release(self, lease: Lease) -> None: ...
    async def holds(self, lease: Lease) -> bool:
        """Whether the lease is still ours, asked of the database."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Everything that is kept."""

    ledger: Ledger
    sites: Sites
    meters: Meters
    readings: Readings
    supplies: Supplies
    orders: Orders
    inbox: Inbox
    notices: Notices
    people: People
    audit: AuditTrail
    leases: Leases


class PaymentProvider(Protocol):
    """One way to pay. Raises `Refused` (the provider said no), `TryAgain` (nothing happened) or `Unknown` (ask)."""

    @property
    def name(self) -> str: ...
    @property
    def merchant(self) -> Merchant: ...
    async def create(self, order: Order, description: str) -> str:
        """Asks for the payment; returns the URI to scan or open. The same order number may be asked again."""
        ...

    async def query(self, order: Order) -> Payment | None:
        """The payment if the provider has one, None while it is unpaid."""
        ...

    async def close(self, order: Order) -> bool:
        """Closes an unpaid order; False when it turned out to be paid."""
        ...


class Sender(Protocol):
    """Carries notices on one channel. Raises `TryAgain` (later, same row), `Refused` (this address takes none)."""

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Delivers, or edits the message `reference`; returns the reference of the message now shown."""
        ...


class Sessions(Protocol):
    """Conversation state, in Redis so that any process continues it. Losing one costs a question, never truth (Y2)."""

    async def load(self, key: str) -> Mapping[str, object]:
        """The stored state, or an empty mapping."""
        ...

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """What every use case is given."""

    store: Store
    clock: Clock
    wakeups: Wakeups
    providers: Mapping[str, PaymentProvider]
