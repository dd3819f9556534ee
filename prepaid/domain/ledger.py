"""Double entry, one document per commit: a posting becomes an entry when its place in the account's chain is known.

Every posting has one customer account and lines that sum to zero (M1). An entry carries the account's dense sequence
number, running balance and the hash of the entry before it (M2, M14), so that any replay can prove the whole chain.
Credit is positive for a customer: a top-up is `customer +x, clearing -x`; consumption is `customer -x, revenue +x`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from prepaid.domain.errors import InvariantBroken, Refused

GENESIS = "0" * 64
"""`prev_hash` of the first entry of an account."""
MAX_MICRO = 2**62
"""Amounts stay far inside Int64, so that sums cannot overflow."""

CLEARING = "clearing:"
REVENUE = "revenue:"
SYSTEM_PREFIXES = (CLEARING, REVENUE, "cash:", "adjustments:", "rounding:", "fees:", "refunds:")


def customer(account_id: str) -> str:
    """The ledger name of a customer's account."""
    return f"customer:{account_id}"


class Kind(StrEnum):
    """Why money moved."""

    TOP_UP = "top_up"
    CONSUMPTION = "consumption"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a posting: ledger account name and signed micro-yuan."""

    account: str
    amount_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A wish to move money on one customer's account. Its `idem` key makes it single for ever (M15)."""

    account_id: str
    idem: str
    kind: Kind
    lines: tuple[Line, ...]
    effective_at: datetime
    actor: str
    reason: str
    currency: str = "CNY"
    ref: Mapping[str, str | int] = field(default_factory=dict)
    floor_micro: int | None = None
    """A debit may not take the balance below this. None: no floor (consumption is billed whatever is left)."""

    def __post_init__(self) -> None:
        """Checks what every posting promises (M1); raises `InvariantBroken`."""
        if sum(line.amount_micro for line in self.lines) != 0:
            raise InvariantBroken(f"unbalanced posting {self.idem}")
        own = [line for line in self.lines if line.account == customer(self.account_id)]
        if len(own) != 1 or len(self.lines) == 1:
            raise InvariantBroken(f"posting {self.idem} needs exactly one customer line and a counterpart")
        for line in self.lines:
            if type(line.amount_micro) is not int or abs(line.amount_micro) > MAX_MICRO:
                raise InvariantBroken(f"posting {self.idem} has an amount that is no integer in range")
            if line is not own[0] and not line.account.startswith(SYSTEM_PREFIXES):
                raise InvariantBroken(f"posting {self.idem} names an unknown account {line.account}")

    @property
    def delta_micro(self) -> int:
        """What the customer's balance changes by."""
        return next(line.amount_micro for line in self.lines if line.account == customer(self.account_id))

    @property
    def request_hash(self) -> str:
        """Identifies the content: the same key with another hash is refused (M15)."""
        body = [self.account_id, self.kind, self.currency, [[line.account, line.amount_micro] for line in self.lines]]
        return _sha256(body)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an account's chain."""

    seq: int = 0
    balance_micro: int = 0
    hash: str = GENESIS
    credit_seq: int = 0
    """The latest entry that raised the balance: warnings are given once for each such epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A posting that has happened: append-only, chained."""

    account_id: str
    seq: int
    idem: str
    request_hash: str
    kind: Kind
    lines: tuple[Line, ...]
    delta_micro: int
    balance_micro: int
    at: datetime
    effective_at: datetime
    actor: str
    reason: str
    currency: str
    ref: Mapping[str, str | int]
    credit_seq: int
    prev_hash: str
    hash: str

    @property
    def head(self) -> Head:
        """The end of the chain once this entry is its last."""
        return Head(seq=self.seq, balance_micro=self.balance_micro, hash=self.hash, credit_seq=self.credit_seq)


def chain(posting: Posting, head: Head, at: datetime) -> Entry:
    """The entry that `posting` becomes right after `head`. Raises `Refused("refused.not_enough")` below the floor."""
    balance = head.balance_micro + posting.delta_micro
    if posting.floor_micro is not None and posting.delta_micro < 0 and balance < posting.floor_micro:
        raise Refused("refused.not_enough")
    entry = Entry(
        account_id=posting.account_id,
        seq=head.seq + 1,
        idem=posting.idem,
        request_hash=posting.request_hash,
        kind=posting.kind,
        lines=posting.lines,
        delta_micro=posting.delta_micro,
        balance_micro=balance,
        at=at,
        effective_at=posting.effective_at,
        actor=posting.actor,
        reason=posting.reason,
        currency=posting.currency,
        ref=posting.ref,
        credit_seq=head.seq + 1 if posting.delta_micro > 0 else head.credit_seq,
        prev_hash=head.hash,
        hash="",
    )
    return _with_hash(entry)


def same_request(entry: Entry, posting: Posting) -> Entry:
    """The stored entry for a repeated key; raises `Refused("refused.idempotency_conflict")` if the content differs."""
    if entry.request_hash != posting.request_hash:
        raise Refused("refused.idempotency_conflict")
    return entry


def hash_of(entry: Entry) -> str:
    """SHA-256 over the canonical JSON of everything but the hash itself."""
    return _sha256(
        [
            entry.account_id,
            entry.seq,
            entry.idem,
            entry.request_hash,
            entry.kind,
            [[line.account, line.amount_micro] for line in entry.lines],
            entry.delta_micro,
            entry.balance_micro,
            _instant(entry.at),
            _instant(entry.effective_at),
            entry.actor,
            entry.reason,
            entry.currency,
            sorted(entry.ref.items()),
            entry.credit_seq,
            entry.prev_hash,
        ]
    )


@dataclass(slots=True)
class Audit:
    """Replays entries, account by account in order of `seq`, and counts what does not hold."""

    accounts: int = 0
    entries: int = 0
    total_micro: int = 0
    mismatches: int = 0
    chain_breaks: int = 0
    _account: str = ""
    _head: Head = field(default_factory=Head)

    def feed(self, entries: Iterable[Entry]) -> None:
        """Takes a run of entries sorted by (account, seq)."""
        for entry in entries:
            self._one(entry)

    def check_cache(self, cached: Head, replayed: Head) -> None:
        """An account row may lag behind the chain, but never lead it or differ at the same `seq`."""
        if cached.seq > replayed.seq or (cached.seq == replayed.seq and cached != replayed):
            self.mismatches += 1

    @property
    def head(self) -> Head:
        """Where the replay of the current account stands."""
        return self._head

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return self.total_micro == 0 and self.mismatches == 0 and self.chain_breaks == 0

    def as_json(self) -> dict[str, int]:
        """The keys of `chatwatt audit`."""
        return {
            "accounts": self.accounts,
            "entries": self.entries,
            "sum": self.total_micro,
            "mismatches": self.mismatches,
            "chain_breaks": self.chain_breaks,
        }

    def _one(self, entry: Entry) -> None:
        if entry.account_id != self._account:
            self._account, self._head = entry.account_id, Head()
            self.accounts += 1
        self.entries += 1
        total = sum(line.amount_micro for line in entry.lines)
        self.total_micro += total
        own = sum(line.amount_micro for line in entry.lines if line.account == customer(entry.account_id))
        balance = self._head.balance_micro + own
        if total != 0 or own != entry.delta_micro or balance != entry.balance_micro:
            self.mismatches += 1
        credit_seq = entry.seq if entry.delta_micro > 0 else self._head.credit_seq
        broken = (
            credit_seq != entry.credit_seq
            or entry.seq != self._head.seq + 1
            or entry.prev_hash != self._head.hash
            or entry.hash != hash_of(entry)
        )
        self.chain_breaks += broken
        self._head = entry.head


def _with_hash(entry: Entry) -> Entry:
    return replace(entry, hash=hash_of(entry))


def _instant(at: datetime) -> str:
    """UTC to the millisecond, which is what the store keeps."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _sha256(body: object) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
