"""Refunds of top-ups: how far one has come, and how much of an order may still go back (M10).

A refund's number is made from its order and its key, so asking again is asking about the same one. The provider's word
that it failed gives the credit back; silence does not: the same number is asked about until there is an answer (M9).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.errors import Refused
from prepaid.domain.orders import Order, OrderState


class RefundState(StrEnum):
    """What a provider says about a refund."""

    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"


class RefundStep(StrEnum):
    """How far we have come. The last four are ends."""

    ASKED = "asked"
    """The row exists; nothing has moved."""
    DEBITED = "debited"
    """The order is reserved and the credit taken; the provider may or may not have heard."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The provider's last word is known; our books follow."""
    DONE = "done"
    GIVEN_BACK = "given_back"
    """It failed, and the credit is on the account again."""
    REFUSED = "refused"
    """A rule said no before anything moved."""


OPEN_STEPS = frozenset({RefundStep.ASKED, RefundStep.DEBITED, RefundStep.SUCCEEDED, RefundStep.FAILED})
REFUNDABLE = frozenset({OrderState.CREDITED, OrderState.DISPUTED})
REFUNDS_MOST = 20
"""Refunds of one order, unless its provider takes fewer."""
REFUNDABLE_DISPUTE = "dispute.amount"
"""The only dispute that a refund ends: in the others the money is not ours, or credited elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund. `id` goes to the provider as its refund number: 30 of `[0-9a-z]`."""

    id: str
    order_id: str
    account_id: str
    site_id: str
    provider: str
    amount_fen: int
    currency: str
    reason: str
    asked_by: str
    created_at: datetime
    credited: bool
    """Whether the order was credited: a disputed payment never reached the account, so nothing is taken from it."""
    approval_id: str | None = None
    step: RefundStep = RefundStep.ASKED
    outcome: str = ""
    """Text key of the refusal, if it was refused."""
    asked_at: datetime | None = None
    questions: int = 0
    ended_at: datetime | None = None
    """When we learned that it went well."""


def refund_id(order_id: str, key: str) -> str:
    """One number for one order and key, for ever."""
    return f"rf{hashlib.sha256(f'{order_id}:{key}'.encode()).hexdigest()[:28]}"


def left_fen(order: Order) -> int:
    """What of an order may still be refunded: what was paid, less what went back."""
    if order.state not in REFUNDABLE:
        return 0
    paid_fen = order.paid_fen if order.state is OrderState.DISPUTED else order.amount_fen
    return max(0, (paid_fen or 0) - order.refunded_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a provider demands of the refunds of one payment."""

    within: timedelta
    most: int = REFUNDS_MOST
    spacing: timedelta = timedelta()


def check_pace(order: Order, pace: Pace, now: datetime) -> None:
    """Raises `Refused` for a payment that is too old to be refunded, or was refunded too often, by its provider."""
    if order.paid_at is not None and now - order.paid_at >= pace.within:
        raise Refused("refused.refund_too_late", days=pace.within.days)
    if len(order.refund_ids) >= min(pace.most, REFUNDS_MOST):
        raise Refused("refused.not_refundable")


def too_soon(order: Order, pace: Pace, now: datetime) -> bool:
    """Whether the last refund of the payment was sent too short a while ago for another."""
    return order.refund_sent_at is not None and now - order.refund_sent_at < pace.spacing


def check_refund(order: Order, amount_fen: int) -> None:
    """Raises `Refused` for an order that cannot be refunded now, or for more than is left of it (M10)."""
    if order.state is OrderState.REFUNDING:
        raise Refused("refused.refund_under_way")
    if order.state not in REFUNDABLE or order.txn_id is None or len(order.refund_ids) >= REFUNDS_MOST:
        raise Refused("refused.not_refundable")
    if order.state is OrderState.DISPUTED and order.dispute != REFUNDABLE_DISPUTE:
        raise Refused("refused.not_refundable")
    if order.state is OrderState.DISPUTED and amount_fen != left_fen(order):
        raise Refused("refused.refund_whole", most_fen=left_fen(order))
    if not 0 < amount_fen <= left_fen(order):
        raise Refused("refused.refund_range", most_fen=left_fen(order))


def state_after(order: Order, refund: Refund, *, succeeded: bool) -> tuple[OrderState, int]:
    """Where the order goes when its refund has ended, and how much of it has gone back by then."""
    if not succeeded:
        return (OrderState.CREDITED if refund.credited else OrderState.DISPUTED), order.refunded_fen
    gone_fen = order.refunded_fen + refund.amount_fen
    whole = not refund.credited or gone_fen >= order.amount_fen
    return (OrderState.REFUNDED if whole else OrderState.CREDITED), gone_fen
