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

from prepaid.domain.charges import Charge, Metered
from prepaid.domain.credit import NOTHING_ASIDE, Aside, Recovery, share_of
from prepaid.domain.errors import InvariantBroken, Refused

GENESIS = "0" * 64
"""`prev_hash` of the first entry of an account."""
MAX_MICRO = 2**62
"""Amounts stay far inside Int64, so that sums cannot overflow."""

CLEARING = "clearing:"
REVENUE = "revenue:"
FEES = "fees:"
SYSTEM_PREFIXES = (CLEARING, REVENUE, "cash:", "adjustments:", "rounding:", FEES, "refunds:")


def customer(account_id: str) -> str:
    """The ledger name of a customer's account."""
    return f"customer:{account_id}"


def arrears(account_id: str) -> str:
    """The ledger name of a customer's debt that is recovered in shares: never above zero."""
    return f"arrears:{account_id}"


def deposits(account_id: str) -> str:
    """The ledger name of a customer's deposit: never below zero."""
    return f"deposits:{account_id}"


class Kind(StrEnum):
    """Why money moved."""

    TOP_UP = "top_up"
    CONSUMPTION = "consumption"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"
    FEE = "fee"
    ARREARS = "arrears"
    DEPOSIT = "deposit"


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
    ceiling_micro: int | None = None
    """A credit may not take the balance above this: debt that is moved away never becomes credit (M5)."""
    recovery: Recovery | None = None
    """The share of a top-up that repays arrears. It is taken when the entry is chained, from what is owed just then."""
    metered: Metered | None = None
    """Use, priced when the entry is chained; the two lines say nothing but who pays whom, and `ref` which interval."""

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
            if line is not own[0] and not self._may_name(line.account):
                raise InvariantBroken(f"posting {self.idem} names an unknown account {line.account}")
        if self.metered is not None and (len(self.lines) != len(("own", "other")) or self.delta_micro != 0):
            raise InvariantBroken(f"posting {self.idem} has a price before it was priced")

    def _may_name(self, account: str) -> bool:
        return account.startswith(SYSTEM_PREFIXES) or account in (arrears(self.account_id), deposits(self.account_id))

    @property
    def delta_micro(self) -> int:
        """What the customer's balance changes by, before a share of it repays arrears."""
        return _amount(self.lines, customer(self.account_id))

    @property
    def request_hash(self) -> str:
        """Identifies the content: the same key with another hash is refused (M15)."""
        body = [self.account_id, self.kind, self.currency, [[line.account, line.amount_micro] for line in self.lines]]
        interval = [] if self.metered is None else [sorted(self.ref.items())]
        return _sha256([*body, *interval])


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an account's chain."""

    seq: int = 0
    balance_micro: int = 0
    hash: str = GENESIS
    credit_seq: int = 0
    """The latest entry that raised the balance: warnings are given once for each such epoch."""
    aside: Aside = NOTHING_ASIDE
    """Debt, deposit and recovery beside the balance."""
    counted: str = ""
    """How far each utility's steps are used (`prepaid.domain.tariffs.counted`)."""


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
    aside: Aside = NOTHING_ASIDE
    counted: str = ""

    @property
    def head(self) -> Head:
        """The end of the chain once this entry is its last."""
        return Head(self.seq, self.balance_micro, self.hash, self.credit_seq, self.aside, self.counted)


def chain(posting: Posting, head: Head, at: datetime) -> Entry:
    """The entry that `posting` becomes right after `head`.

    Raises `Refused`: "refused.not_enough" below the floor, "refused.no_debt" above the ceiling, and for more debt or
    deposit than there is.
    """
    charge = None if posting.metered is None else posting.metered.charge(head.counted)
    lines = _with_share(posting, head) if charge is None else _with_charge(posting, charge)
    delta = _amount(lines, customer(posting.account_id))
    balance = head.balance_micro + delta
    _check_limits(posting, delta, balance)
    period = posting.recovery.period if posting.recovery is not None else head.aside.period
    aside = _aside_after(head.aside, posting.account_id, posting.kind, lines, period)
    _check_aside(aside)
    entry = Entry(
        account_id=posting.account_id,
        seq=head.seq + 1,
        idem=posting.idem,
        request_hash=posting.request_hash,
        kind=posting.kind,
        lines=lines,
        delta_micro=delta,
        balance_micro=balance,
        at=at,
        effective_at=posting.effective_at,
        actor=posting.actor,
        reason=posting.reason,
        currency=posting.currency,
        ref=posting.ref if charge is None else {**posting.ref, **charge.ref},
        credit_seq=head.seq + 1 if delta > 0 else head.credit_seq,
        prev_hash=head.hash,
        hash="",
        aside=aside,
        counted=head.counted if charge is None else charge.counted,
    )
    return _with_hash(entry)


def _with_share(posting: Posting, head: Head) -> tuple[Line, ...]:
    """The lines once a share of the customer's is turned to arrears. The request's hash knows nothing of it (M15)."""
    share = share_of(posting.delta_micro, balance_micro=head.balance_micro, aside=head.aside, recovery=posting.recovery)
    if share == 0:
        return posting.lines
    own = customer(posting.account_id)
    less = [Line(own, line.amount_micro - share) if line.account == own else line for line in posting.lines]
    return (*less, Line(arrears(posting.account_id), share))


def _with_charge(posting: Posting, charge: Charge) -> tuple[Line, ...]:
    """The lines at the price that holds in this place. The request's hash knows the interval and not the price."""
    own, amount = customer(posting.account_id), charge.amount_micro
    return tuple(Line(line.account, -amount if line.account == own else amount) for line in posting.lines)


def _check_limits(posting: Posting, delta: int, balance: int) -> None:
    if posting.floor_micro is not None and delta < 0 and balance < posting.floor_micro:
        raise Refused("refused.not_enough")
    if posting.ceiling_micro is not None and delta > 0 and balance > posting.ceiling_micro:
        raise Refused("refused.no_debt")


def _check_aside(aside: Aside) -> None:
    if aside.arrears_micro < 0:
        raise Refused("refused.arrears_exceeded")
    if aside.deposit_micro < 0:
        raise Refused("refused.deposit_exceeded")


def _aside_after(aside: Aside, account_id: str, kind: Kind, lines: tuple[Line, ...], period: str) -> Aside:
    """What lies beside the balance after those lines; `period` is the month in which a top-up's share counts."""
    repaid, deposited = _amount(lines, arrears(account_id)), _amount(lines, deposits(account_id))
    if kind is Kind.TOP_UP and repaid > 0:
        return aside.recover(repaid, period).move(deposit_micro=deposited)
    return aside.move(arrears_micro=-repaid, deposit_micro=deposited)


def _amount(lines: Iterable[Line], account: str) -> int:
    return sum(line.amount_micro for line in lines if line.account == account)


def same_request(entry: Entry, posting: Posting) -> Entry:
    """The stored entry for a repeated key; raises `Refused("refused.idempotency_conflict")` if the content differs."""
    if entry.request_hash != posting.request_hash:
        raise Refused("refused.idempotency_conflict")
    return entry


def hash_of(entry: Entry) -> str:
    """SHA-256 over the canonical JSON of everything but the hash itself.

    What lies aside and what was counted is covered where there is any, so that chains from before verify too (F7).
    """
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
            *_aside_hashed(entry.aside),
            *([entry.counted] if entry.counted else []),
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
        own = _amount(entry.lines, customer(entry.account_id))
        balance = self._head.balance_micro + own
        aside = _aside_after(self._head.aside, entry.account_id, entry.kind, entry.lines, entry.aside.period)
        wrong_aside = aside != entry.aside or aside.arrears_micro < 0 or aside.deposit_micro < 0
        if total != 0 or own != entry.delta_micro or balance != entry.balance_micro or wrong_aside:
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


def _aside_hashed(aside: Aside) -> list[list[int | str]]:
    if aside == NOTHING_ASIDE:
        return []
    return [[aside.arrears_micro, aside.deposit_micro, aside.period, aside.recovered_micro]]


def _with_hash(entry: Entry) -> Entry:
    return replace(entry, hash=hash_of(entry))


def _instant(at: datetime) -> str:
    """UTC to the millisecond, which is what the store keeps."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _sha256(body: object) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
