"""Compares a provider's bill of one day with our books, item by item (M17). Pure: facts in, differences out.

A payment belongs to the run of the day on which the provider says that it came in. Its instant and the bill's may lie a
few minutes apart, so what is missing near midnight is looked for on the neighbouring day's bill before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum

from prepaid.domain.bills import BillKind, BillRow
from prepaid.domain.orders import Merchant, Order, OrderState
from prepaid.domain.refunds import Refund, RefundStep

PROVIDER_ZONE = timezone(timedelta(hours=8))
"""Both providers' days are China's, whatever zone a site is in."""
BILL_READY = time(10, 0)
EDGE = timedelta(minutes=10)
REFUND_GRACE = timedelta(days=1)
"""A refund that ended yesterday may stand on today's bill."""
PPM = 1_000_000


class Gap(StrEnum):
    """How an item differs. Each names a text."""

    NO_ORDER = "gap.no_order"
    NOT_CREDITED = "gap.not_credited"
    NOT_ON_BILL = "gap.not_on_bill"
    TWICE = "gap.twice"
    AMOUNT = "gap.amount"
    CURRENCY = "gap.currency"
    MERCHANT = "gap.merchant"
    TRANSACTION = "gap.transaction"
    LEDGER = "gap.ledger"
    FEE = "gap.fee"
    DISPUTED = "gap.disputed"
    NO_REFUND = "gap.no_refund"
    REFUND_NOT_ENDED = "gap.refund_not_ended"
    REFUND_NOT_ON_BILL = "gap.refund_not_on_bill"
    REFUND_AMOUNT = "gap.refund_amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One payment or refund on either side. Amounts in fen; None where that side has nothing."""

    kind: BillKind
    txn_id: str
    order_id: str
    refund_id: str = ""
    site_id: str | None = None
    account_id: str | None = None
    ours_fen: int | None = None
    theirs_fen: int | None = None
    ledger_fen: int = 0
    """What the ledger moved on the provider's clearing account for it."""
    fee_fen: int = 0
    gap: Gap | None = None

    @property
    def key(self) -> str:
        """What makes it one item of its day."""
        return f"{self.kind}:{self.refund_id or self.txn_id or self.order_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What we have of the items: by our numbers, and what the ledger moved for each (fen, by txn or refund number)."""

    merchant: Merchant
    orders: Mapping[str, Order]
    refunds: Mapping[str, Refund]
    ledger_fen: Mapping[str, int]
    fee_ppm: int | None = None
    """The agreed fee; None: fees are added up and not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums of some items, in fen."""

    items: int = 0
    payments_fen: int = 0
    refunds_fen: int = 0
    fees_fen: int = 0
    ours_payments_fen: int = 0
    ours_refunds_fen: int = 0
    clearing_fen: int = 0
    """What the ledger moved on the clearing account: payments less refunds."""
    gaps: int = 0

    @property
    def difference_fen(self) -> int:
        """The bill's payments less refunds, less what the ledger moved for them."""
        return self.payments_fen - self.refunds_fen - self.clearing_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One site's part of a run, the only part that its staff sees (A2). `site_id` "" is the merchant's own."""

    site_id: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One comparison, as it last came out. `id` is "<provider>:<merchant>:<day>"."""

    id: str
    provider: str
    merchant_id: str
    day: str
    ran_at: datetime
    totals: Totals
    shares: tuple[Share, ...]
    credited: int = 0
    """Payments that only the bill told us of, credited by the run."""
    tickets: int = 0
    """Differences that are open now."""


def day_span(day: date) -> tuple[datetime, datetime]:
    """The instants between which a payment belongs to the day's run."""
    start = datetime.combine(day, time(), PROVIDER_ZONE)
    return start - EDGE, start + timedelta(days=1) - EDGE


def near_start(day: date, at: datetime) -> bool:
    """Whether it may stand on the bill of the day before."""
    return at < datetime.combine(day, time(), PROVIDER_ZONE) + EDGE


def days_due(now: datetime, back: int) -> tuple[date, ...]:
    """Days whose bill should be there by now, oldest first: up to yesterday, from 10:00 on."""
    local = now.astimezone(PROVIDER_ZONE)
    newest = local.date() - timedelta(days=1 if local.time() >= BILL_READY else 2)
    return tuple(newest - timedelta(days=behind) for behind in range(back - 1, -1, -1))


def payment_item(row: BillRow, books: Books, *, again: bool) -> Item:
    """A payment on the bill beside its order. `again`: the bill has shown the same payment before."""
    order = books.orders.get(row.order_id)
    ledger = books.ledger_fen.get(row.txn_id, 0)
    return Item(
        kind=BillKind.PAYMENT,
        txn_id=row.txn_id,
        order_id=row.order_id,
        site_id=order.site_id if order else None,
        account_id=order.account_id if order else None,
        ours_fen=_ours(order) if order else None,
        theirs_fen=row.amount_fen,
        ledger_fen=ledger,
        fee_fen=row.fee_fen,
        gap=Gap.TWICE if again else _payment_gap(row, order, ledger, books),
    )


def _payment_gap(row: BillRow, order: Order | None, ledger_fen: int, books: Books) -> Gap | None:
    if order is None:
        return Gap.NO_ORDER
    if _another_merchant(row, books.merchant):
        return Gap.MERCHANT
    if order.paid_at is None:
        return Gap.NOT_CREDITED
    if order.txn_id != row.txn_id:
        return Gap.TRANSACTION
    if row.currency != order.currency:
        return Gap.CURRENCY
    if row.amount_fen != _ours(order):
        return Gap.AMOUNT
    if _never_credited(order):
        return Gap.DISPUTED if order.state is OrderState.DISPUTED else None
    if ledger_fen != row.amount_fen:
        return Gap.LEDGER
    return Gap.FEE if _odd_fee(row, books.fee_ppm) else None


def _another_merchant(row: BillRow, merchant: Merchant) -> bool:
    """A bill that does not name the merchant or the app on each line says nothing about it."""
    return (row.merchant_id or merchant.merchant_id, row.app_id or merchant.app_id) != (
        merchant.merchant_id,
        merchant.app_id,
    )


def _never_credited(order: Order) -> bool:
    """A disputed payment, refunded or not, never reached the account."""
    return order.dispute is not None and order.paid_fen is not None


def _ours(order: Order) -> int:
    return order.paid_fen if _never_credited(order) and order.paid_fen is not None else order.amount_fen


def _odd_fee(row: BillRow, fee_ppm: int | None) -> bool:
    """Providers round a fee to whole fen, each in its own way, so one fen more or less is no difference."""
    return fee_ppm is not None and abs(row.fee_fen * PPM - row.amount_fen * fee_ppm) > PPM


def refund_item(row: BillRow, books: Books, *, again: bool) -> Item:
    """A refund on the bill beside ours."""
    number = row.refund_id or ""
    refund = books.refunds.get(number)
    order = books.orders.get(row.order_id)
    return Item(
        kind=BillKind.REFUND,
        txn_id=row.txn_id,
        order_id=row.order_id,
        refund_id=number or f"of {row.txn_id}",
        site_id=refund.site_id if refund else order.site_id if order else None,
        account_id=refund.account_id if refund else order.account_id if order else None,
        ours_fen=refund.amount_fen if refund else None,
        theirs_fen=row.amount_fen,
        ledger_fen=books.ledger_fen.get(number, 0),
        fee_fen=-row.fee_fen,
        gap=Gap.TWICE if again else _refund_gap(row, refund, books),
    )


def _refund_gap(row: BillRow, refund: Refund | None, books: Books) -> Gap | None:
    if refund is None:
        return Gap.NO_REFUND
    if row.amount_fen != refund.amount_fen or row.order_id != refund.order_id:
        return Gap.REFUND_AMOUNT
    if refund.step not in (RefundStep.SUCCEEDED, RefundStep.DONE):
        return Gap.REFUND_NOT_ENDED
    if refund.credited and books.ledger_fen.get(refund.id, 0) != row.amount_fen:
        return Gap.LEDGER
    return None


def compare(rows: Sequence[BillRow], books: Books) -> list[Item]:
    """Every line of the bill beside what we have of it."""
    seen: set[str] = set()
    items = []
    for row in rows:
        make = payment_item if row.kind is BillKind.PAYMENT else refund_item
        item = make(row, books, again=False)
        if item.key in seen and item.refund_id[:3] != "of ":
            item = make(row, books, again=True)
        seen.add(item.key)
        items.append(item)
    return items


def missing_payment(order: Order, ledger_fen: int) -> Item:
    """One of our payments that no bill shows."""
    return Item(
        kind=BillKind.PAYMENT,
        txn_id=order.txn_id or "",
        order_id=order.id,
        site_id=order.site_id,
        account_id=order.account_id,
        ours_fen=_ours(order),
        ledger_fen=ledger_fen,
        gap=Gap.NOT_ON_BILL,
    )


def missing_refund(refund: Refund, txn_id: str, ledger_fen: int) -> Item:
    """One of our refunds that no bill shows."""
    return Item(
        kind=BillKind.REFUND,
        txn_id=txn_id,
        order_id=refund.order_id,
        refund_id=refund.id,
        site_id=refund.site_id,
        account_id=refund.account_id,
        ours_fen=refund.amount_fen,
        ledger_fen=ledger_fen,
        gap=Gap.REFUND_NOT_ON_BILL,
    )


def totals(items: Iterable[Item]) -> Totals:
    """Their sums."""
    some = tuple(items)
    payments = [item for item in some if item.kind is BillKind.PAYMENT]
    refunds = [item for item in some if item.kind is BillKind.REFUND]
    return Totals(
        items=len(some),
        payments_fen=sum(item.theirs_fen or 0 for item in payments),
        refunds_fen=sum(item.theirs_fen or 0 for item in refunds),
        fees_fen=sum(item.fee_fen for item in some),
        ours_payments_fen=sum(item.ours_fen or 0 for item in payments),
        ours_refunds_fen=sum(item.ours_fen or 0 for item in refunds),
        clearing_fen=sum(item.ledger_fen for item in payments) - sum(item.ledger_fen for item in refunds),
        gaps=sum(item.gap is not None for item in some),
    )


def shares(items: Sequence[Item], site_ids: Iterable[str]) -> tuple[Share, ...]:
    """Each site's part, sites without items too, and what belongs to no site."""
    parts: dict[str, list[Item]] = {site_id: [] for site_id in sorted(site_ids)}
    for item in items:
        parts.setdefault(item.site_id or "", []).append(item)
    return tuple(Share(site_id=site_id, totals=totals(some)) for site_id, some in parts.items())
