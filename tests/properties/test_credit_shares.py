"""Arrears over all top-ups there can be: exact, within every cap, and never in the way of the light."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.credit import PERMILLE, Recovery
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Audit, Entry, Head, Kind, Line, Posting, arrears, chain, customer

AT = datetime(2026, 11, 23, tzinfo=UTC)
CAPS = st.none() | st.integers(0, 10**6)
RECOVERIES = st.builds(
    Recovery,
    permille=st.integers(0, PERMILLE - 1),
    period=st.sampled_from(["2026-11", "2026-12", "2027-01"]),
    cap_top_up_micro=CAPS,
    cap_month_micro=CAPS,
)
MOVES = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 10**7), st.none()),
    st.tuples(st.just("debt"), st.integers(1, 10**7), st.none()),
    st.tuples(st.just("pay"), st.integers(1, 10**7), RECOVERIES),
)


def posting(number: int, what: str, amount: int, recovery: Recovery | None) -> Posting:
    """One move as a posting."""
    kinds = {"use": Kind.CONSUMPTION, "debt": Kind.ARREARS, "pay": Kind.TOP_UP}
    others = {"use": "revenue:electricity", "debt": arrears("a"), "pay": "clearing:p"}
    signed = -amount if what == "use" else amount
    return Posting(
        account_id="a",
        idem=f"i{number}",
        kind=kinds[what],
        lines=(Line(customer("a"), signed), Line(others[what], -signed)),
        effective_at=AT,
        actor="t",
        reason="r",
        recovery=recovery,
        ceiling_micro=0 if what == "debt" else None,
    )


def of(entry: Entry, account: str) -> int:
    """What an entry moves on one account."""
    return sum(line.amount_micro for line in entry.lines if line.account == account)


@given(st.lists(MOVES, max_size=25))
def test_shares_are_exact_and_capped(moves: list[tuple[str, int, Recovery | None]]) -> None:
    """M1, M2, P6: counted a second time beside the entries: debt, month's recovery, caps, and the customer's rest."""
    head, owed, recovered, newest = Head(), 0, 0, ""
    audit = Audit()
    for number, (what, amount, recovery) in enumerate(moves):
        try:
            entry = chain(posting(number, what, amount, recovery), head, AT)
        except Refused:
            assert what == "debt"
            assert head.balance_micro + amount > 0
            continue
        share = of(entry, arrears("a")) if what == "pay" else 0
        owed += amount if what == "debt" else -share
        if recovery is not None:
            _check_share(share, amount, head, recovery)
            if recovery.period > newest and share:
                newest, recovered = recovery.period, 0
            recovered += share
            if recovery.cap_month_micro is not None and recovery.period >= newest and share:
                assert recovered <= recovery.cap_month_micro
        assert entry.aside.arrears_micro == owed >= 0
        assert entry.balance_micro == head.balance_micro + entry.delta_micro
        audit.feed([entry])
        head = entry.head
    assert audit.clean


def _check_share(share: int, amount: int, head: Head, recovery: Recovery) -> None:
    assert 0 <= share <= head.aside.arrears_micro
    assert share * PERMILLE <= recovery.permille * max(0, head.balance_micro + amount)
    assert recovery.cap_top_up_micro is None or share <= recovery.cap_top_up_micro
    before, after = head.balance_micro + amount, head.balance_micro + amount - share
    assert (after > 0) is (before > 0), "a share never takes away the credit that brings the light back"


@given(st.integers(1, 10**7), st.integers(1, 10**7), RECOVERIES)
def test_the_key_of_a_top_up_does_not_know_its_share(amount: int, debt: int, recovery: Recovery) -> None:
    """M15: delivered again when less is owed, it is still the same request."""
    top_up = posting(9, "pay", amount, recovery)
    used = chain(posting(1, "use", debt, None), Head(), AT)
    owing = chain(posting(2, "debt", debt, None), used.head, AT)
    assert chain(top_up, Head(), AT).request_hash == chain(top_up, owing.head, AT).request_hash
