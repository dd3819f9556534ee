"""Two persons for what one must not do alone: an approval names the exact content, expires, and is used once (A6, M5).

The content is canonical JSON and its SHA-256 is what the second person agrees to: whoever changes a figure afterwards
has another digest and no approval. The approval's id is the key of its effect, so a crash between the two is finished
by running the effect again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.errors import InvariantBroken, Refused, not_found

Scalar = str | int | bool | None
Content = Mapping[str, Scalar | tuple[str, ...]]
"""What is asked for: flat, exact, no floats. Longer things (a price list) go in as canonical text."""


class Effect(StrEnum):
    """What waits for a second person."""

    FORCE_CUT = "force_cut"
    BULK_CUT = "bulk_cut"
    MASS_CUT = "mass_cut"
    """Lets the rules cut off more of a site than its share in a day."""
    REFUND = "refund"
    ADJUST = "adjust"
    REVERSE = "reverse"
    CASH_TOP_UP = "cash_top_up"
    CHANGE_TARIFF = "change_tariff"
    PAY_OUT = "pay_out"


ACTION_OF: dict[Effect, Action] = {
    Effect.FORCE_CUT: Action.FORCE_CUT,
    Effect.BULK_CUT: Action.BULK_CUT,
    Effect.MASS_CUT: Action.BULK_CUT,
    Effect.REFUND: Action.REFUND,
    Effect.ADJUST: Action.ADJUST,
    Effect.REVERSE: Action.ADJUST,
    Effect.CASH_TOP_UP: Action.CASH_TOP_UP,
    Effect.CHANGE_TARIFF: Action.CHANGE_TARIFF,
    Effect.PAY_OUT: Action.REFUND,
}
"""The right that both persons need, on the same subject."""


class ApprovalState(StrEnum):
    """Where an approval stands. `APPROVED` means used: its effect is under way."""

    ASKED = "asked"
    AGREED = "agreed"
    """The second person has agreed; until `due_at` it can still be taken back, then its effect begins."""
    APPROVED = "approved"
    DONE = "done"
    FAILED = "failed"
    """Agreed, but the effect was refused by a rule (not enough credit, ...)."""
    DECLINED = "declined"
    """The second person said no, or the first one took it back."""
    UNDONE = "undone"
    """Taken back after the second person had agreed, before the effect began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Up to these amounts one person is enough; above them it takes two. Amounts of one act, in micro-yuan."""

    cash_micro: int = 1_000_000_000
    adjust_micro: int = 100_000_000
    refund_micro: int = 200_000_000
    approval_ttl_s: int = 24 * 3600
    undo_s: int = 60
    """So long after the second word what two persons agreed to can be taken back; 0 is not at all."""
    agree_s: int = 3 * 24 * 3600
    """So long a tenant has to agree to the statement of a move-out before it goes on without; 0 is not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request for a second person's word. `path` and `account_id` are the subject on which both need the right."""

    id: str
    effect: Effect
    path: str
    account_id: str | None
    site_id: str
    content: str
    digest: str
    reason: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.ASKED
    decided_by: str | None = None
    decided_at: datetime | None = None
    outcome: str = ""
    """Text key of the refusal when the effect failed; the reason given when it was declined or undone."""
    due_at: datetime | None = None
    """When the effect begins, where there is a window in which it can be taken back."""
    undone_by: str | None = None
    undone_at: datetime | None = None

    @property
    def subject(self) -> Subject:
        """What both persons need the right on."""
        return Subject(self.path, self.account_id)

    @property
    def action(self) -> Action:
        """The right that both persons need."""
        return ACTION_OF[self.effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks a second person to agree to."""

    effect: Effect
    path: str
    site_id: str
    account_id: str | None = None
    content: Content = field(default_factory=dict)
    reason: str = ""


def canonical(content: Content) -> str:
    """One text for one content: sorted keys, no spaces, integers as they are."""
    for key, value in content.items():
        if not isinstance(value, str | int | tuple | None):
            raise InvariantBroken(f"approval content {key} is not exact")
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def digest_of(effect: Effect, content: str) -> str:
    """What the second person agrees to."""
    return hashlib.sha256(f"{effect}\n{content}".encode()).hexdigest()


def ask(request: Request, asker: Actor, now: datetime, ttl_s: int) -> Approval:
    """A fresh approval that waits for a second person."""
    content = canonical(request.content)
    return Approval(
        id=f"ap_{secrets.token_hex(8)}",
        effect=request.effect,
        path=request.path,
        account_id=request.account_id,
        site_id=request.site_id,
        content=content,
        digest=digest_of(request.effect, content),
        reason=request.reason,
        asked_by=asker.id,
        asked_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )


def check_approver(approval: Approval, asker: Actor, approver: Actor, digest: str, now: datetime) -> None:
    """Whether `approver` may agree now. Both are judged by the roles they hold at this moment (A6, F37).

    Raises `Refused`: not found for whoever lacks the right, `refused.approval_own`, `refused.approval_changed`,
    `refused.approval_expired`, `refused.approval_used`, `refused.approval_asker_gone`.
    """
    if not _staff_may(approver, approval):
        raise not_found()
    if approver.id == approval.asked_by:
        raise Refused("refused.approval_own")
    if approval.state is not ApprovalState.ASKED:
        raise Refused("refused.approval_used")
    if now >= approval.expires_at:
        raise Refused("refused.approval_expired")
    if digest != approval.digest or digest_of(approval.effect, approval.content) != approval.digest:
        raise Refused("refused.approval_changed")
    if not _staff_may(asker, approval):
        raise Refused("refused.approval_asker_gone")


def begins_at(approval: Approval, agreed_at: datetime, undo_s: int) -> datetime | None:
    """When the effect begins after its undo window; None is at once.

    What adds credit never waits, because power may be waiting for it (S1).
    """
    return None if undo_s <= 0 or _adds_credit(approval) else agreed_at + timedelta(seconds=undo_s)


def _adds_credit(approval: Approval) -> bool:
    content = read_content(approval)
    match approval.effect:
        case Effect.CASH_TOP_UP:
            return True
        case Effect.ADJUST:
            return int(str(content["amount_micro"])) > 0
        case Effect.REVERSE:
            return int(str(content["delta_micro"])) < 0
        case _:
            return False


def _staff_may(actor: Actor, approval: Approval) -> bool:
    """The clock asks for nothing and agrees to nothing: two persons means persons."""
    return not actor.system and may(actor, approval.action, approval.subject)


def read_content(approval: Approval) -> dict[str, object]:
    """The exact content, as it was agreed to. Raises `InvariantBroken` if the stored text was changed."""
    if digest_of(approval.effect, approval.content) != approval.digest:
        raise InvariantBroken(f"approval {approval.id} was changed")
    content: dict[str, object] = json.loads(approval.content)
    return content
