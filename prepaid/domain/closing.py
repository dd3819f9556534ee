"""Moving out: what has been done of it, what it waits for, and how the remaining credit is divided (T5).

Every step is keyed by the account, so a crash after any of them is finished by running on from the row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.metering import Meter
from prepaid.domain.money import MICRO_PER_FEN, fen_from_micro
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import left_fen

REMIND_S = 24 * 3600


class Step(StrEnum):
    """In this order. Top-ups are blocked from the first one on."""

    SETTLING = "settling"
    """No money may be on its way, and every meter needs a fresh, plausible final reading."""
    BALANCING = "balancing"
    """Meters are billed to the end and free; a debt has to be paid, a large credit needs a second person."""
    PAYING = "paying"
    """The remaining credit goes back to who paid it, newest first; the rest becomes payable in cash."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalReading:
    """Where a meter stood when the tenancy ended."""

    meter_id: str
    at: datetime
    energy_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayBack:
    """A part of the remaining credit that goes back to one order's payer."""

    order_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One account's move-out. `id` is the account's."""

    id: str
    site_id: str
    path: str
    asked_by: str
    asked_at: datetime
    reason: str
    step: Step = Step.SETTLING
    waits_for: str = ""
    """Text key ("closing.*") of what it waits for, empty when it goes on by itself."""
    readings: tuple[FinalReading, ...] = ()
    balance_micro: int = 0
    """What was left at the end, before anything was paid back."""
    plan: tuple[PayBack, ...] = ()
    approval_id: str | None = None
    approved_micro: int = 0
    """Up to this, two persons have agreed to pay back."""
    payable_micro: int = 0
    """Owed in cash: what no payer could be given back by the provider."""
    paid_out_by: str | None = None
    closed_at: datetime | None = None
    agreed_by: str | None = None
    """Whoever of the account agreed to the content with the digest below."""
    agreed_at: datetime | None = None
    agreed_digest: str = ""
    shown_digest: str = ""
    """The content that whoever lives there was last asked to agree to."""
    shown_at: datetime | None = None
    reminded_digest: str = ""
    """The content of which they were reminded before the time to agree ended."""
    waived_by: str = ""
    """Whoever of the staff let it go on without an agreement; the clock, when the time for one was over."""

    @property
    def digest(self) -> str:
        """Names the final readings and what was left: other figures have another digest."""
        readings = [f"{each.meter_id}={each.energy_wh}@{each.at.isoformat()}" for each in self.readings]
        plan = [f"{each.order_id}={each.amount_fen}" for each in self.plan]
        said = "\n".join((self.id, *readings, str(self.balance_micro), *plan))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def agreed(self) -> bool:
        """Whether the present content was agreed to."""
        return bool(self.agreed_digest) and self.agreed_digest == self.digest


def remind_s(agree_s: int) -> int:
    """So long before the end of the time to agree its end is called to mind: a day, of a short time its half."""
    return min(REMIND_S, agree_s // 2)


def meter_doubt(meter: Meter, now: datetime, fresh_s: int) -> str | None:
    """Why a meter's last reading cannot be its final one, as a text key, or None (fresh and plausible)."""
    if meter.silent_since is not None or meter.last is None:
        return "closing.meter_silent"
    if meter.held > 0:
        return "closing.reading_held"
    if now - meter.last.at > timedelta(seconds=fresh_s):
        return "closing.reading_old"
    return None


def pay_back(balance_micro: int, orders: Iterable[Order], reach: dict[str, timedelta], now: datetime) -> list[PayBack]:
    """Divides a remaining credit among the orders that paid it, newest first, within what each provider still takes.

    `reach` says how long after a payment each provider refunds; a provider that is not in it refunds nothing.
    """
    left = fen_from_micro(max(0, balance_micro))
    plan: list[PayBack] = []
    for order in sorted(orders, key=lambda each: (each.created_at, each.id), reverse=True):
        amount = min(left, _most(order, reach, now))
        if amount > 0:
            plan.append(PayBack(order_id=order.id, amount_fen=amount))
            left -= amount
    return plan


def _most(order: Order, reach: dict[str, timedelta], now: datetime) -> int:
    within = reach.get(order.provider)
    if within is None or order.state is not OrderState.CREDITED or order.paid_at is None:
        return 0
    return left_fen(order) if now - order.paid_at < within else 0


def below_a_fen(balance_micro: int) -> int:
    """The part of a credit that no provider and no cash desk can pay: it is rounded away, and the books say so."""
    return balance_micro % MICRO_PER_FEN
