"""What people are told: once for each crossing, with a stable id, so that no crash or race tells it twice (N1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """Each names a text in the catalogues: "notice.<kind>"."""

    LOW_BALANCE = "low_balance"
    LOW_DAYS = "low_days"
    BALANCE_GONE = "balance_gone"
    CUT_DONE = "cut_done"
    RESTORED = "restored"
    SWITCH_STUCK = "switch_stuck"
    PRESS_BUTTON = "press_button"
    CONFIRM_SAFE = "confirm_safe"
    RELAY_MOVED = "relay_moved"
    RELAY_BYPASSED = "relay_bypassed"
    RECUTS_HELD = "recuts_held"
    METER_DOWN = "meter_down"
    METER_ALARM = "meter_alarm"
    TOO_MUCH_LOAD = "too_much_load"
    PAYMENT_THREAD = "payment_thread"
    PAYMENT_DISPUTED = "payment_disputed"
    READING_HELD = "reading_held"
    GATEWAY_DOWN = "gateway_down"
    GATEWAY_BACK = "gateway_back"
    CASH_RECEIVED = "cash_received"
    REFUND_DONE = "refund_done"
    REFUND_FAILED = "refund_failed"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_DONE = "approval_done"
    APPROVAL_FAILED = "approval_failed"
    APPROVAL_DECLINED = "approval_declined"
    APPROVAL_AGREED = "approval_agreed"
    APPROVAL_UNDONE = "approval_undone"
    ENTRY_DISPUTED = "entry_disputed"
    DISPUTE_ANSWERED = "dispute_answered"
    POWER_ANSWERED = "power_answered"
    CLOSING_WAITS = "closing_waits"
    CLOSING_STATEMENT = "closing_statement"
    """The statement of a move-out waits for the tenant's word."""
    CLOSING_REMINDER = "closing_reminder"
    """The same, when the time for that word is nearly over."""
    ACCOUNT_CLOSED = "account_closed"
    RECONCILED = "reconciled"
    RECONCILED_OPEN = "reconciled_open"
    CLAIM_OPENED = "claim_opened"
    CASH_VOIDED = "cash_voided"
    HELP_ASKED = "help_asked"
    STAFF_ANSWERED = "staff_answered"
    PROTECTION_ASKED = "protection_asked"
    MOVE_OUT_ASKED = "move_out_asked"
    MEMBER_REMOVED = "member_removed"
    EMERGENCY_TAKEN = "emergency_taken"
    TARIFF_CHANGES = "tariff_changes"
    CERTIFICATE_ENDS = "certificate_ends"
    CLOCKS_APART = "clocks_apart"
    BROADCAST = "broadcast"
    OUTAGE_PLANNED = "outage_planned"
    OUTAGE_SOON = "outage_soon"
    OUTAGE_CALLED_OFF = "outage_called_off"
    REPORT = "report"
    CONTACT_CODE = "contact_code"
    """Never in the outbox: it goes to the one address that it is to prove."""


class NoticeState(StrEnum):
    """Where the delivery of a notice stands."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"


class Lane(StrEnum):
    """Rows of one lane never wait for those of the other."""

    PROMPT = "prompt"
    BULK = "bulk"


class Stage(StrEnum):
    """The payment thread: one message that updates itself (FEATURES N3)."""

    WAITING = "waiting"
    PAID = "paid"
    CREDITED = "credited"
    SWITCHING = "switching"
    POWER_ON = "power_on"
    CREDITED_STILL_ON = "credited_still_on"
    """The supply was never off: the thread ends with the credit."""
    STUCK = "stuck"
    EXPIRED = "expired"
    DISPUTED = "disputed"


STAGE_ORDER = (
    Stage.WAITING,
    Stage.EXPIRED,
    Stage.PAID,
    Stage.DISPUTED,
    Stage.CREDITED,
    Stage.SWITCHING,
    Stage.STUCK,
    Stage.POWER_ON,
    Stage.CREDITED_STILL_ON,
)
"""What is told later replaces what was told before it: money may still come after the end of its code (M8), and light
after a wait.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message under way: by which rung, under which reference, and when it counts as lost."""

    rung: str
    reference: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One row of the outbox: one event for one person.

    `params` fill the text: amounts in micro-yuan (`*_micro`), instants as ISO strings (`*_at`), ids and labels.
    """

    id: str
    kind: NoticeKind
    person_id: str
    account_id: str | None
    at: datetime
    params: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    thread: str | None = None
    """Order id: this notice edits the person's message of that thread instead of sending a new one."""
    stage: Stage | None = None
    state: NoticeState = NoticeState.QUEUED
    lane: Lane = Lane.PROMPT
    attempts: int = 0
    next_at: datetime | None = None
    done_at: datetime | None = None
    dropped_at: datetime | None = None
    """When the staff put an exhausted one aside: it is as exhausted as before, and asks for nobody any more."""
    tried: tuple[str, ...] = ()
    """Rungs of the ladder that have ended without a delivery."""
    waits_for: Waiting | None = None
    """A channel took it, and has yet to say that it arrived."""
    held_since: datetime | None = None
    """From when on limits have left it no place, without a break."""
    why: str = ""
    """The text key of the trouble that ended or delayed it."""


ENDS_MATTER = frozenset({NoticeKind.BALANCE_GONE})
"""A cut waits for the end of this: it has a row even where nobody can be told, and its end is written at once (N2)."""

MAX_ATTEMPTS = 6
RETRY_S = (1, 5, 30, 120, 600)


def notice_id(kind: NoticeKind, account_id: str, crossing: str, person_id: str) -> str:
    """Deterministic: the same crossing told to the same person is the same row."""
    return f"{kind}:{account_id}:{crossing}:{person_id}"


def crossed_levels(levels: tuple[int, ...], before_micro: int, after_micro: int) -> tuple[int, ...]:
    """The warning levels that a falling balance went through: above before, at or below now."""
    return tuple(level for level in levels if after_micro <= level < before_micro)


def retry_after_s(attempts: int) -> int:
    """Seconds until the next try after `attempts` failures."""
    return RETRY_S[min(attempts, len(RETRY_S)) - 1] if attempts else 0
