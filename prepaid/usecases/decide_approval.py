"""The second person agrees or declines; either of both takes it back, before or shortly after the second word (A6)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor, may
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Approval, ApprovalState, begins_at, check_approver
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.authorize import as_of_now, record, scopes
from prepaid.usecases.carry_out import carry_out
from prepaid.usecases.tell import Crossing, Value, staff_label, tell_persons

MOST = 200


async def approve(business: Business, actor: Actor, approval_id: str, digest: str) -> Approval:
    """Agrees to exactly the content behind `digest`; returns the approval as it then stands.

    Where the site gives time to take it back, the effect begins at `due_at`; else it is carried out at once.
    Both persons are judged by the roles they hold at this moment. Raises `Refused` as `check_approver` does.
    """
    try:
        used = await _use(business, actor, approval_id, digest)
    except Refused as refused:
        await record(business, actor, "approve", approval_id, refused=refused.key)
        raise
    if used.state is ApprovalState.AGREED:
        await _tell_agreed(business, used)
        return used
    await carry_out(business, used)
    return await _fresh(business, approval_id)


async def _use(business: Business, actor: Actor, approval_id: str, digest: str) -> Approval:
    approval = await business.store.approvals.get(approval_id)
    if approval is None:
        raise not_found()
    asker, approver = await as_of_now(business, approval.asked_by), await as_of_now(business, actor.id)
    now = business.clock.now()
    check_approver(approval, asker, approver, digest, now)
    due_at = begins_at(approval, now, (await _site(business, approval)).limits.undo_s)
    if not await business.store.approvals.use(approval_id, digest, actor.id, now, due_at):
        raise Refused("refused.approval_used")
    return await _fresh(business, approval_id)


async def decline(business: Business, actor: Actor, approval_id: str, *, why: str) -> Approval:
    """Says no. Whoever could agree may decline, and the asker may take it back; after the second word it is an undo."""
    approval = await _reach(business, actor, approval_id, "decline")
    if approval.state is ApprovalState.AGREED:
        return await undo(business, actor, approval_id, why=why)
    changes = {"decided_by": actor.id, "decided_at": business.clock.now(), "outcome": why}
    old, new = ApprovalState.ASKED, ApprovalState.DECLINED
    if not await business.store.approvals.move(approval_id, old, new, **changes):
        raise Refused("refused.approval_used")
    if actor.id != approval.asked_by:
        await _tell(business, approval, NoticeKind.APPROVAL_DECLINED, [approval.asked_by], why=why)
    return await _fresh(business, approval_id)


async def undo(business: Business, actor: Actor, approval_id: str, *, why: str = "") -> Approval:
    """Takes back what two persons agreed to and has not begun. Whoever could agree may, and the asker.

    Raises `Refused("refused.approval_begun")` when it is too late, or there was nothing to take back.
    """
    approval = await _reach(business, actor, approval_id, "undo")
    changes = {"undone_by": actor.id, "undone_at": business.clock.now(), "outcome": why}
    old, new = ApprovalState.AGREED, ApprovalState.UNDONE
    if not await business.store.approvals.move(approval_id, old, new, **changes):
        await record(business, actor, "undo", approval_id, refused="refused.approval_begun")
        raise Refused("refused.approval_begun")
    others = {approval.asked_by, approval.decided_by or approval.asked_by} - {actor.id}
    await _tell(business, approval, NoticeKind.APPROVAL_UNDONE, sorted(others), why=why)
    return await _fresh(business, approval_id)


async def _reach(business: Business, actor: Actor, approval_id: str, what: str) -> Approval:
    approval = await business.store.approvals.get(approval_id)
    allowed = approval is not None and may(actor, approval.action, approval.subject)
    if approval is None or not (allowed or approval.asked_by == actor.id):
        await record(business, actor, what, approval_id, refused="refused.not_found")
        raise not_found()
    return approval


async def waiting_approvals(business: Business, actor: Actor) -> tuple[Approval, ...]:
    """Live requests that the actor could agree to or take back, oldest first, only within reach (A2)."""
    now, found = business.clock.now(), {}
    for scope in scopes(actor, Action.SEE_SITE):
        for state in (ApprovalState.ASKED, ApprovalState.AGREED):
            for approval in await business.store.approvals.below(scope, state, MOST):
                live = state is ApprovalState.AGREED or now < approval.expires_at
                if live and may(actor, approval.action, approval.subject):
                    found[approval.id] = approval
    return tuple(sorted(found.values(), key=lambda each: (each.asked_at, each.id)))


async def show_approval(business: Business, actor: Actor, approval_id: str) -> Approval:
    """The exact content that is to be agreed to. A foreign id and a missing one give the same `Refused`."""
    approval = await business.store.approvals.get(approval_id)
    if approval is None or not may(actor, approval.action, approval.subject):
        await record(business, actor, "show_approval", approval_id, refused="refused.not_found")
        raise not_found()
    return approval


async def _tell_agreed(business: Business, approval: Approval) -> None:
    if approval.due_at is None or approval.decided_at is None:
        raise InvariantBroken(f"approval {approval.id} has no window")
    left_s = int((approval.due_at - approval.decided_at).total_seconds())
    due: dict[str, Value] = {"due_at": approval.due_at.isoformat(), "left_s": left_s}
    await _tell(business, approval, NoticeKind.APPROVAL_AGREED, [approval.asked_by], **due)


async def _tell(business: Business, approval: Approval, kind: NoticeKind, to: Sequence[str], **more: Value) -> None:
    site = await _site(business, approval)
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    what = {"approval_id": approval.id, "effect": f"effect.{approval.effect}"}
    params = {**what, **staff_label(site, account), **more}
    await tell_persons(business, site, to, Crossing(kind, approval.id), params, account=account)


async def _site(business: Business, approval: Approval) -> Site:
    site = await business.store.sites.site(approval.site_id)
    if site is None:
        raise InvariantBroken(f"approval {approval.id} has no site")
    return site


async def _fresh(business: Business, approval_id: str) -> Approval:
    approval = await business.store.approvals.get(approval_id)
    if approval is None:
        raise InvariantBroken(f"approval {approval_id} vanished")
    return approval
