"""The rules of holding a bill against our books: pure, item by item."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.bills import BillKind, BillRow
from prepaid.domain.orders import Merchant, Order, OrderState
from prepaid.domain.reconcile import Books, Gap, compare, day_span, days_due, near_start, shares, totals
from prepaid.domain.refunds import Refund, RefundStep

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
MERCHANT = Merchant(provider="testpay", merchant_id="m-1", app_id="app-1")
ORDER = Order(
    id="cw1",
    account_id="acc-1",
    site_id="maple",
    person_id="p",
    provider="testpay",
    amount_fen=5_000,
    created_at=AT,
    expires_at=AT,
    state=OrderState.CREDITED,
    txn_id="t1",
    paid_at=AT,
)
REFUND = Refund(
    id="rf1",
    order_id="cw1",
    account_id="acc-1",
    site_id="maple",
    provider="testpay",
    amount_fen=2_000,
    currency="CNY",
    reason="x",
    asked_by="p",
    created_at=AT,
    credited=True,
    step=RefundStep.DONE,
    ended_at=AT,
)
PAID = BillRow(kind=BillKind.PAYMENT, txn_id="t1", order_id="cw1", amount_fen=5_000, at=AT, fee_fen=30)
BACK = BillRow(kind=BillKind.REFUND, txn_id="t1", order_id="cw1", amount_fen=2_000, at=AT, refund_id="rf1")
BOOKS = Books(
    merchant=MERCHANT,
    orders={"cw1": ORDER},
    refunds={"rf1": REFUND},
    ledger_fen={"t1": 5_000, "rf1": 2_000},
    fee_ppm=6_000,
)


def gaps(*rows: BillRow, books: Books = BOOKS) -> list[Gap | None]:
    """What is found wrong with each line."""
    return [item.gap for item in compare(rows, books)]


def with_order(**changes: Any) -> Books:
    """The books with another order."""
    return replace(BOOKS, orders={"cw1": replace(ORDER, **changes)})


def with_refund(**changes: Any) -> Books:
    """The books with another refund."""
    return replace(BOOKS, refunds={"rf1": replace(REFUND, **changes)})


def test_what_agrees_has_no_gap() -> None:
    """M17: payment and refund that match order, ledger and fee are no difference, and the sums say so."""
    items = compare([PAID, BACK], BOOKS)
    assert [item.gap for item in items] == [None, None]
    sums = totals(items)
    assert (sums.payments_fen, sums.refunds_fen, sums.clearing_fen, sums.difference_fen) == (5_000, 2_000, 3_000, 0)


@pytest.mark.parametrize(
    ("row", "books", "gap"),
    [
        (replace(PAID, order_id="other"), BOOKS, Gap.NO_ORDER),
        (replace(PAID, merchant_id="m-2"), BOOKS, Gap.MERCHANT),
        (replace(PAID, app_id="app-2"), BOOKS, Gap.MERCHANT),
        (PAID, with_order(state=OrderState.EXPIRED, txn_id=None, paid_at=None), Gap.NOT_CREDITED),
        (replace(PAID, txn_id="t2"), BOOKS, Gap.TRANSACTION),
        (replace(PAID, currency="USD"), BOOKS, Gap.CURRENCY),
        (replace(PAID, amount_fen=4_999), BOOKS, Gap.AMOUNT),
        (PAID, replace(BOOKS, ledger_fen={}), Gap.LEDGER),
        (PAID, replace(BOOKS, ledger_fen={"t1": 4_999}), Gap.LEDGER),
        (replace(PAID, fee_fen=32), BOOKS, Gap.FEE),
        (replace(PAID, fee_fen=28), BOOKS, Gap.FEE),
        (replace(PAID, fee_fen=31), BOOKS, None),
        (replace(PAID, fee_fen=99), replace(BOOKS, fee_ppm=None), None),
        (PAID, with_order(state=OrderState.DISPUTED, dispute="dispute.amount", paid_fen=5_000), Gap.DISPUTED),
        (PAID, with_order(state=OrderState.REFUNDED, dispute="dispute.amount", paid_fen=5_000), None),
        (replace(BACK, refund_id="rf9"), BOOKS, Gap.NO_REFUND),
        (replace(BACK, refund_id=None), BOOKS, Gap.NO_REFUND),
        (replace(BACK, amount_fen=1), BOOKS, Gap.REFUND_AMOUNT),
        (replace(BACK, order_id="cw2"), BOOKS, Gap.REFUND_AMOUNT),
        (BACK, with_refund(step=RefundStep.GIVEN_BACK), Gap.REFUND_NOT_ENDED),
        (BACK, with_refund(step=RefundStep.DEBITED), Gap.REFUND_NOT_ENDED),
        (BACK, replace(BOOKS, ledger_fen={}), Gap.LEDGER),
        (BACK, replace(with_refund(credited=False), ledger_fen={}), None),
    ],
)
def test_each_difference_is_named(row: BillRow, books: Books, gap: Gap | None) -> None:
    """M6, M17: whatever differs between a line of the bill and our books has a name of its own."""
    assert gaps(row, books=books) == [gap]


def test_a_line_that_comes_twice_is_a_difference() -> None:
    """M4, M17: the same payment or refund on two lines of one bill is not taken for one."""
    assert gaps(PAID, PAID, BACK, BACK) == [None, Gap.TWICE, None, Gap.TWICE]


@pytest.mark.parametrize(
    ("hour", "newest"),
    [(9, date(2026, 3, 1)), (10, date(2026, 3, 2)), (23, date(2026, 3, 2))],
)
def test_a_day_is_due_from_ten_o_clock_on(hour: int, newest: date) -> None:
    """M17: in the provider's own zone, oldest first, as many days back as are looked after."""
    now = datetime(2026, 3, 3, hour, tzinfo=UTC) - timedelta(hours=8)
    assert days_due(now, 3) == tuple(newest - timedelta(days=behind) for behind in (2, 1, 0))


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_each_instant_belongs_to_exactly_one_day(at: datetime) -> None:
    """M17: no payment falls between two runs or into both, whatever its second."""
    days = [date(2025, 12, 30) + timedelta(days=number) for number in range(370)]
    owners = [day for day in days if day_span(day)[0] <= at < day_span(day)[1]]
    assert len(owners) == 1
    local = (at + timedelta(hours=8)).date()
    assert owners[0] == local or near_start(owners[0], at)


@given(st.lists(st.sampled_from(["maple", "oak", None]), max_size=12), st.integers(1, 10**9))
def test_the_shares_of_sites_add_up_to_the_whole(sites: list[str | None], fen: int) -> None:
    """M17, A2: each item is in exactly one share, and sites without items have a share of nothing."""
    row = replace(PAID, amount_fen=fen)
    items = [replace(compare([row], BOOKS)[0], site_id=site) for site in sites]
    parts = shares(items, ["maple", "oak", "elm"])
    assert sum(part.totals.payments_fen for part in parts) == totals(items).payments_fen
    assert sum(part.totals.items for part in parts) == len(items)
    assert {"maple", "oak", "elm"} <= {part.site_id for part in parts}
