"""The ledger's rules without a store: what a posting must be, what it becomes, and what an audit sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import (
    GENESIS,
    MAX_MICRO,
    Audit,
    Entry,
    Head,
    Kind,
    Line,
    Posting,
    arrears,
    chain,
    customer,
    deposits,
    hash_of,
    same_request,
)

AT = datetime(2026, 3, 2, 4, 0, 0, 123_000, tzinfo=UTC)


def posting(amount_micro: int, key: str = "k", **changes: object) -> Posting:
    """A posting of one amount against an adjustment."""
    lines = (Line(customer("a"), amount_micro), Line("adjustments:x", -amount_micro))
    base = Posting(
        account_id="a", idem=key, kind=Kind.ADJUSTMENT, lines=lines, effective_at=AT, actor="who", reason="why"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def history(amounts: Iterable[int]) -> list[Entry]:
    """A chain of adjustments."""
    entries: list[Entry] = []
    head = Head()
    for place, amount in enumerate(amounts):
        entry = chain(posting(amount, f"k{place}"), head, AT + timedelta(seconds=place))
        entries.append(entry)
        head = entry.head
    return entries


def audit(entries: Iterable[Entry]) -> Audit:
    """A replay."""
    found = Audit()
    found.feed(entries)
    return found


def test_names_of_a_customers_accounts() -> None:
    """M3: each account has its own three names, and no other account's."""
    assert (customer("a"), arrears("a"), deposits("a")) == ("customer:a", "arrears:a", "deposits:a")


def test_an_entry_follows_its_head() -> None:
    """M2: dense sequence, running balance, link to the entry before."""
    first = chain(posting(700, ref={"x": 1}), Head(), AT)
    assert (first.seq, first.balance_micro, first.delta_micro, first.prev_hash) == (1, 700, 700, GENESIS)
    assert (first.credit_seq, first.at, first.effective_at) == (1, AT, AT)
    assert (first.actor, first.reason, first.currency, first.kind) == ("who", "why", "CNY", Kind.ADJUSTMENT)
    assert (first.idem, first.account_id, dict(first.ref)) == ("k", "a", {"x": 1})
    assert first.lines == posting(700).lines
    second = chain(posting(-200, "k2"), first.head, AT)
    assert (second.seq, second.balance_micro, second.prev_hash) == (2, 500, first.hash)
    assert second.credit_seq == 1
    assert second.head == Head(2, 500, second.hash, 1, second.aside)
    third = chain(posting(1, "k3"), second.head, AT)
    assert third.credit_seq == 3


def test_a_zero_posting_is_no_credit() -> None:
    """N1: an entry that raises nothing opens no new round of warnings."""
    assert chain(posting(0), Head(seq=4, credit_seq=2), AT).credit_seq == 2


@pytest.mark.parametrize(("floor", "refused"), [(-300, False), (-299, True), (0, True), (None, False)])
def test_the_floor_is_the_lowest_balance_allowed(floor: int | None, refused: bool) -> None:
    """M10: down to the floor and no further; without one, consumption is billed whatever is left."""
    ask = posting(-800, floor_micro=floor)
    if not refused:
        assert chain(ask, Head(balance_micro=500), AT).balance_micro == -300
        return
    with pytest.raises(Refused) as caught:
        chain(ask, Head(balance_micro=500), AT)
    assert caught.value.key == "refused.not_enough"


def test_a_floor_never_stops_a_credit() -> None:
    """M4: money that comes in below the floor still comes in."""
    assert chain(posting(100, floor_micro=0), Head(balance_micro=-500), AT).balance_micro == -400


@pytest.mark.parametrize(("ceiling", "refused"), [(200, False), (199, True), (None, False)])
def test_the_ceiling_keeps_moved_debt_from_becoming_credit(ceiling: int | None, refused: bool) -> None:
    """M5: a credit without money goes up to the ceiling and no further; a debit is never stopped by it."""
    ask = posting(700, ceiling_micro=ceiling)
    if refused:
        with pytest.raises(Refused) as caught:
            chain(ask, Head(balance_micro=-500), AT)
        assert caught.value.key == "refused.no_debt"
    else:
        assert chain(ask, Head(balance_micro=-500), AT).balance_micro == 200
    assert chain(posting(-1, ceiling_micro=-1_000), Head(balance_micro=5), AT).balance_micro == 4


@pytest.mark.parametrize(
    "account", ["clearing:x", "revenue:x", "cash:x", "adjustments:x", "rounding:x", "fees:x", "refunds:x"]
)
def test_the_chart_of_accounts_is_open_to_postings(account: str) -> None:
    """M3: every system account may stand against a customer."""
    assert posting(5, lines=(Line(customer("a"), 5), Line(account, -5))).delta_micro == 5


@pytest.mark.parametrize(
    "lines",
    [
        (Line(customer("a"), 1), Line("clearing:x", -2)),
        (Line(customer("a"), 0),),
        (Line(customer("a"), 1), Line(customer("a"), -1)),
        (Line("cash:x", 1), Line("clearing:x", -1)),
        (Line(customer("a"), 1), Line("elsewhere:x", -1)),
        (Line(customer("a"), 1), Line(customer("b"), -1)),
        (Line(customer("a"), 1), Line(arrears("b"), -1)),
        (Line(customer("a"), 1), Line(deposits("b"), -1)),
        (Line(customer("a"), 1.0), Line("clearing:x", -1.0)),  # type: ignore[arg-type]
        (Line(customer("a"), True), Line("clearing:x", -1)),  # noqa: FBT003 - a bool is the case
        (Line(customer("a"), MAX_MICRO + 1), Line("clearing:x", -MAX_MICRO - 1)),
    ],
)
def test_what_is_no_posting(lines: tuple[Line, ...]) -> None:
    """M1: unbalanced, without a counterpart, twice the customer, a stranger, no integer, out of range: our own bug."""
    with pytest.raises(InvariantBroken):
        posting(1, lines=lines)


def test_the_largest_amount_is_still_one() -> None:
    """M1: the limit itself is allowed on both sides."""
    assert posting(MAX_MICRO).delta_micro == MAX_MICRO
    assert posting(-MAX_MICRO).delta_micro == -MAX_MICRO


@pytest.mark.parametrize(
    "change",
    [
        {"account_id": "b", "lines": (Line(customer("b"), 5), Line("adjustments:x", -5))},
        {"kind": Kind.TOP_UP},
        {"currency": "EUR"},
        {"lines": (Line(customer("a"), 6), Line("adjustments:x", -6))},
        {"lines": (Line(customer("a"), 5), Line("adjustments:y", -5))},
    ],
)
def test_another_content_under_the_same_key_is_refused(change: dict[str, object]) -> None:
    """M15: account, kind, currency, accounts and amounts make the content."""
    entry = chain(posting(5), Head(), AT)
    with pytest.raises(Refused) as caught:
        same_request(entry, replace(posting(5), **change))  # type: ignore[arg-type]
    assert caught.value.key == "refused.idempotency_conflict"


@pytest.mark.parametrize("change", [{"actor": "other"}, {"reason": "other"}, {"effective_at": AT + timedelta(hours=1)}])
def test_the_same_content_told_by_another_is_the_same_request(change: dict[str, object]) -> None:
    """M15: a repeat by a sweeper or an hour later gets the stored entry."""
    entry = chain(posting(5), Head(), AT)
    assert same_request(entry, replace(posting(5), **change)) is entry  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account_id", "b"),
        ("seq", 2),
        ("idem", "other"),
        ("request_hash", "x"),
        ("kind", Kind.REVERSAL),
        ("lines", (Line(customer("a"), 4), Line("adjustments:x", -4))),
        ("lines", (Line(customer("a"), 5), Line("adjustments:y", -5))),
        ("delta_micro", 4),
        ("balance_micro", 4),
        ("at", AT + timedelta(milliseconds=1)),
        ("effective_at", AT + timedelta(milliseconds=1)),
        ("actor", "x"),
        ("reason", "x"),
        ("currency", "x"),
        ("ref", {"x": 2}),
        ("credit_seq", 0),
        ("prev_hash", "x"),
    ],
)
def test_the_hash_covers_every_field(name: str, value: object) -> None:
    """M14: no field of an entry can change unseen."""
    entry = chain(posting(5, ref={"x": 1}), Head(), AT)
    assert hash_of(replace(entry, **{name: value})) != entry.hash  # type: ignore[arg-type]
    assert hash_of(entry) == entry.hash


def test_the_hash_is_canonical() -> None:
    """M14: the order of references, the zone of an instant and what lies below a millisecond change nothing."""
    entry = chain(posting(5, ref={"x": 1, "y": "é"}), Head(), AT)
    same = replace(
        entry, ref={"y": "é", "x": 1}, at=AT.astimezone().replace(microsecond=123_400), effective_at=AT.astimezone()
    )
    assert hash_of(same) == entry.hash
    assert len(entry.hash) == len(GENESIS) == 64


def test_the_hash_of_a_known_entry_stays_what_it_was() -> None:
    """M14, F7: old chains verify for ever: this figure may never change."""
    entry = chain(posting(5, ref={"x": 1}), Head(), AT)
    assert entry.hash == KNOWN_HASH


KNOWN_HASH = "f3253379021e8e3fed5c2adb3b934eed78f8d770077a93c85902835d36e402df"


def test_an_audit_counts_accounts_entries_and_nothing_else() -> None:
    """M2, M3: a clean chain, two accounts."""
    other = chain(posting(3, account_id="b", lines=(Line(customer("b"), 3), Line("adjustments:x", -3))), Head(), AT)
    found = audit([*history([5, -2, 7]), other])
    assert found.clean
    assert found.as_json() == {"accounts": 2, "entries": 4, "sum": 0, "mismatches": 0, "chain_breaks": 0}
    assert found.head == other.head


def rehashed(entry: Entry, **changes: object) -> Entry:
    """A forger who knows how to hash."""
    forged = replace(entry, **changes)  # type: ignore[arg-type]
    return replace(forged, hash=hash_of(forged))


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"balance_micro": 4}, "mismatches"),
        ({"delta_micro": 1}, "mismatches"),
        ({"lines": (Line(customer("a"), -2), Line("adjustments:x", 3))}, "mismatches"),
        ({"lines": (Line(customer("a"), -3), Line("adjustments:x", 3))}, "mismatches"),
        ({"seq": 3}, "chain_breaks"),
        ({"credit_seq": 2}, "chain_breaks"),
        ({"prev_hash": "x"}, "chain_breaks"),
    ],
)
def test_an_audit_sees_a_forged_entry(changes: dict[str, object], finding: str) -> None:
    """M2, M14: even one that was hashed anew."""
    first, second = history([5, -2])
    found = audit([first, rehashed(second, **changes)])
    assert getattr(found, finding) == 1
    assert not found.clean


def test_an_audit_sees_a_gap_and_a_wrong_hash() -> None:
    """M14: a removed entry breaks sequence and link; a changed hash breaks its own entry and the next."""
    first, second, third = history([5, -2, 7])
    assert audit([first, third]).chain_breaks == 1
    assert audit([first, replace(second, hash="x"), third]).chain_breaks == 2


def test_an_audit_adds_up_what_does_not_balance() -> None:
    """M1, M3: the sum says by how much the books are off."""
    (only,) = history([5])
    found = audit([rehashed(only, lines=(Line(customer("a"), 5), Line("adjustments:x", -3)))])
    assert (found.total_micro, found.mismatches, found.clean) == (2, 1, False)


@pytest.mark.parametrize(
    ("cached", "wrong"),
    [
        (Head(2, 3, "h", 1), 0),
        (Head(1, 99, "old", 0), 0),
        (Head(), 0),
        (Head(3, 3, "h", 1), 1),
        (Head(2, 4, "h", 1), 1),
        (Head(2, 3, "g", 1), 1),
        (Head(2, 3, "h", 2), 1),
    ],
)
def test_a_cached_head_may_lag_but_never_lead_or_differ(cached: Head, wrong: int) -> None:
    """M2, M16: behind is well, ahead or different at the same place is a finding."""
    found = Audit()
    found.check_cache(cached, Head(2, 3, "h", 1))
    assert found.mismatches == wrong
