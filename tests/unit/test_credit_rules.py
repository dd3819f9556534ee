"""Credit rules, rule by rule: shares of a top-up, caps, what lies beside a balance, when fees fall due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from prepaid.domain.accounts import Account
from prepaid.domain.credit import Aside, CreditRules, Every, FixedFee, Recovery, due_days, share_of
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import Audit, Entry, Head, Kind, Line, Posting, arrears, chain, customer, deposits

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
FIFTH = Recovery(permille=200, period="2026-11")


def posting(idem: str, kind: Kind, *lines: tuple[str, int], **more: object) -> Posting:
    """A posting on account "a"; the customer's own line makes up the rest."""
    rest = -sum(amount for _, amount in lines)
    return Posting(
        account_id="a",
        idem=idem,
        kind=kind,
        lines=(Line(customer("a"), rest), *(Line(name, amount) for name, amount in lines)),
        effective_at=AT,
        actor="test",
        reason="reason.test",
        **more,  # type: ignore[arg-type]
    )


def top_up(idem: str, amount: int, recovery: Recovery | None = FIFTH) -> Posting:
    """Money in."""
    return posting(idem, Kind.TOP_UP, ("clearing:p", -amount), recovery=recovery)


def debt(amount: int, idem: str = "d") -> Posting:
    """A negative balance that becomes debt to be recovered."""
    return posting(idem, Kind.ARREARS, (arrears("a"), -amount), ceiling_micro=0)


def run(*postings: Posting) -> list[Entry]:
    """The chain of an account that they make."""
    entries: list[Entry] = []
    for each in postings:
        entries.append(chain(each, entries[-1].head if entries else Head(), AT))
    return entries


USED = posting("u", Kind.CONSUMPTION, ("revenue:electricity", 1_000))


@pytest.mark.parametrize(
    ("amount", "balance", "owed", "recovery", "share"),
    [
        (1_000, 0, 10_000, FIFTH, 200),
        (1_000, 500, 10_000, FIFTH, 200),
        (1_000, -400, 10_000, FIFTH, 120),
        (1_000, -1_000, 10_000, FIFTH, 0),
        (1_000, -5_000, 10_000, FIFTH, 0),
        (1_000, 0, 150, FIFTH, 150),
        (1_000, 0, 0, FIFTH, 0),
        (999, 0, 10_000, FIFTH, 199),
        (1_000, 0, 10_000, None, 0),
        (1_000, 0, 10_000, replace(FIFTH, cap_top_up_micro=50), 50),
        (1_000, 0, 10_000, replace(FIFTH, cap_month_micro=70), 70),
        (1_000, 0, 10_000, replace(FIFTH, cap_month_micro=0), 0),
        (1_000, 0, 10_000, replace(FIFTH, permille=0), 0),
    ],
)
def test_the_share_of_a_top_up(amount: int, balance: int, owed: int, recovery: Recovery | None, share: int) -> None:
    """M13: a share of what is left above zero, rounded down, within every cap and the debt itself."""
    assert share_of(amount, balance_micro=balance, aside=Aside(arrears_micro=owed), recovery=recovery) == share


def test_a_top_up_carries_its_share_in_its_lines() -> None:
    """M1, M15: customer, arrears and clearing add up; the request's own hash does not depend on the share."""
    entries = run(USED, debt(1_000), top_up("t", 1_000))
    assert entries[2].lines == (Line(customer("a"), 800), Line("clearing:p", -1_000), Line(arrears("a"), 200))
    assert (entries[2].balance_micro, entries[2].delta_micro) == (800, 800)
    assert entries[2].aside == Aside(arrears_micro=800, period="2026-11", recovered_micro=200)
    assert entries[2].request_hash == top_up("t", 1_000, None).request_hash


def test_the_cap_of_a_month_counts_over_its_top_ups_and_starts_anew() -> None:
    """M2: what was recovered this month is carried in the entries, so that it needs no second count."""
    capped = replace(FIFTH, cap_month_micro=300)
    november = [top_up(f"t{n}", 1_000, capped) for n in range(3)]
    december = top_up("t9", 1_000, replace(capped, period="2026-12"))
    late = top_up("t10", 1_000, capped)
    entries = run(USED, debt(1_000), *november, december, late)
    shares = [sum(line.amount_micro for line in entry.lines if line.account == arrears("a")) for entry in entries]
    assert shares == [0, -1_000, 200, 100, 0, 200, 100]
    assert entries[-1].aside == Aside(arrears_micro=400, period="2026-12", recovered_micro=300)


def test_moved_debt_never_becomes_credit() -> None:
    """M5: a negative balance can be moved aside, not one micro-yuan more."""
    with pytest.raises(Refused, match="no_debt"):
        run(USED, debt(1_001))
    assert run(USED, debt(1_000))[-1].balance_micro == 0


def test_neither_debt_nor_deposit_goes_below_nothing() -> None:
    """M2: what is paid back or given back was there before."""
    with pytest.raises(Refused, match="arrears_exceeded"):
        run(USED, debt(1_000), posting("w", Kind.ARREARS, (arrears("a"), 1_001)))
    with pytest.raises(Refused, match="deposit_exceeded"):
        run(posting("d", Kind.DEPOSIT, (deposits("a"), -1)))


def test_a_deposit_is_held_and_given_back() -> None:
    """M2: a deposit leaves the balance only from credit, and comes back whole."""
    paid = top_up("t", 500)
    held = posting("h", Kind.DEPOSIT, (deposits("a"), 400), floor_micro=0)
    entries = run(paid, held, posting("b", Kind.DEPOSIT, (deposits("a"), -400)))
    assert [entry.aside.deposit_micro for entry in entries] == [0, 400, 0]
    assert [entry.balance_micro for entry in entries] == [500, 100, 500]
    with pytest.raises(Refused, match="not_enough"):
        run(paid, posting("h", Kind.DEPOSIT, (deposits("a"), 501), floor_micro=0))


def test_a_posting_names_no_other_customers_debt() -> None:
    """M1: arrears and deposits are the account's own."""
    with pytest.raises(InvariantBroken):
        posting("x", Kind.ARREARS, (arrears("b"), -1))


def test_the_audit_finds_debt_that_does_not_add_up() -> None:
    """M2: a running debt that the lines do not explain is a mismatch, and the hash covers it."""
    entries = run(USED, debt(1_000), top_up("t", 1_000))
    clean = Audit()
    clean.feed(entries)
    assert clean.clean
    forged = [*entries[:2], replace(entries[2], aside=replace(entries[2].aside, arrears_micro=1))]
    audit = Audit()
    audit.feed(forged)
    assert (audit.mismatches, audit.chain_breaks) == (1, 1)


def test_chains_from_before_there_was_anything_aside_still_verify() -> None:
    """M14, F7: an entry with nothing aside has the hash that it always had."""
    entry = run(top_up("t", 1_000))[0]
    assert entry.aside == Aside()
    assert entry.hash == "f8aa0356fc7ad1cce5cdf99ac7b06894d2e68dacd040920e9c19d574dd126ff7"


def test_only_a_credit_after_its_taking_repays_emergency_credit() -> None:
    """M5: a balance that was above zero all along has repaid nothing."""
    account = Account(id="a", site_id="s", path="p", label="1", emergency_micro=10, emergency_at=AT, emergency_seq=5)
    assert not account.has_repaid(Head(seq=6, balance_micro=3, credit_seq=5))
    assert not account.has_repaid(Head(seq=6, balance_micro=0, credit_seq=6))
    assert account.has_repaid(Head(seq=6, balance_micro=1, credit_seq=6))
    assert not replace(account, emergency_micro=0).has_repaid(Head(seq=6, balance_micro=1, credit_seq=6))


def test_the_floor_lies_below_overdraft_and_emergency_credit() -> None:
    """S1: both are lent; neither is money."""
    account = Account(id="a", site_id="s", path="p", label="1", overdraft_micro=20, emergency_micro=10)
    assert account.floor_micro == -30


DAILY = FixedFee(id="net", every=Every.DAY, amount_micro=5, since=date(2026, 11, 20))
MONTHLY = FixedFee(id="rent", every=Every.MONTH, amount_micro=5, since=date(2026, 9, 1))


@pytest.mark.parametrize(
    ("fee", "today", "opened", "due"),
    [
        (DAILY, date(2026, 11, 19), None, ()),
        (DAILY, date(2026, 11, 22), None, ("2026-11-20", "2026-11-21", "2026-11-22")),
        (DAILY, date(2026, 11, 22), date(2026, 11, 22), ("2026-11-22",)),
        (DAILY, date(2027, 3, 1), None, (*(f"2027-02-{d}" for d in range(22, 29)), "2027-03-01")),
        (MONTHLY, date(2026, 11, 22), None, ("2026-11",)),
        (MONTHLY, date(2026, 12, 3), None, ("2026-11", "2026-12")),
        (MONTHLY, date(2026, 11, 22), date(2026, 11, 1), ("2026-11",)),
        (MONTHLY, date(2026, 11, 22), date(2026, 11, 2), ()),
        (replace(MONTHLY, since=date(2026, 12, 15)), date(2026, 12, 3), None, ("2026-12",)),
    ],
)
def test_when_a_fee_is_due(fee: FixedFee, today: date, opened: date | None, due: tuple[str, ...]) -> None:
    """M12: by local day or month, back over an outage of a week, never before the fee or the tenancy began."""
    assert due_days(fee, today=today, opened=opened, most=7) == due


def test_rules_that_make_no_sense_cannot_be_made() -> None:
    """M5: nobody is charged less than nothing or recovers everything."""
    with pytest.raises(InvariantBroken):
        replace(DAILY, amount_micro=0)
    with pytest.raises(InvariantBroken):
        CreditRules(recovery_permille=1_000)
    with pytest.raises(InvariantBroken):
        CreditRules(emergency_micro=-1)
    with pytest.raises(InvariantBroken):
        CreditRules(recovery_cap_month_micro=-1)
