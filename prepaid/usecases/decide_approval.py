"""The second person agrees or declines, or the first one takes it back (A6)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor, may
from prepaid.domain.approvals import Approval, ApprovalState, check_approver
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.authorize import as_of_now, record, scopes
from prepaid.usecases.carry_out import carry_out
from prepaid.usecases.tell import Crossing, tell_persons

MOST = 200


async def approve(business: Business, actor: Actor, approval_id: str, digest: str) -> Approval:
    """Agrees to exactly the content behind `digest` and carries it out; returns the approval as it then stands.

    Both persons are judged by the roles they hold at this moment. Raises `Refused` as `check_approver` does.
    """
    try:
        used = await _use(business, actor, approval_id, digest)
    except Refused as refused:
        await record(business, actor, "approve", approval_id, refused=refused.key)
        raise
    await carry_out(business, used)
    return await _fresh(business, approval_id)


async def _use(business: Business, actor: Actor, approval_id: str, digest: str) -> Approval:
    approval = await business.store.approvals.get(approval_id)
    if approval is None:
        raise not_found()
    asker, approver = await as_of_now(business, approval.asked_by), await as_of_now(business, actor.id)
    check_approver(approval, asker, approver, digest, business.clock.now())
    if not await business.store.approvals.use(approval_id, digest, actor.id, business.clock.now()):
        raise Refused("refused.approval_used")
    return await _fresh(business, approval_id)


async def decline(business: Business, actor: Actor, approval_id: str, *, why: str) -> Approval:
    """Says no. Whoever could agree may decline, and the asker may take it back."""
    approval = await business.store.approvals.get(approval_id)
    allowed = approval is not None and may(actor, approval.action, approval.subject)
    if approval is None or not (allowed or approval.asked_by == actor.id):
        await record(business, actor, "decline", approval_id, refused="refused.not_found")
        raise not_found()
    changes = {"decided_by": actor.id, "decided_at": business.clock.now(), "outcome": why}
    old, new = ApprovalState.ASKED, ApprovalState.DECLINED
    if not await business.store.approvals.move(approval_id, old, new, **changes):
        raise Refused("refused.approval_used")
    if actor.id != approval.asked_by:
        await _tell_declined(business, approval, why)
    return await _fresh(business, approval_id)


async def waiting_approvals(business: Business, actor: Actor) -> tuple[Approval, ...]:
    """Live requests that the actor could agree to or has asked for, oldest first, only within reach (A2)."""
    now, found = business.clock.now(), {}
    for scope in scopes(actor, Action.SEE_SITE):
        for approval in await business.store.approvals.below(scope, ApprovalState.ASKED, MOST):
            if now < approval.expires_at and may(actor, approval.action, approval.subject):
                found[approval.id] = approval
    return tuple(sorted(found.values(), key=lambda each: (each.asked_at, each.id)))


async def show_approval(business: Business, actor: Actor, approval_id: str) -> Approval:
    """The exact content that is to be agreed to. A foreign id and a missing one give the same `Refused`."""
    approval = await business.store.approvals.get(approval_id)
    if approval is None or not may(actor, approval.action, approval.subject):
        await record(business, actor, "show_approval", approval_id, refused="refused.not_found")
        raise not_found()
    return approval


async def _tell_declined(business: Business, approval: Approval, why: str) -> None:
    site = await business.store.sites.site(approval.site_id)
    if site is None:
        raise InvariantBroken(f"approval {approval.id} has no site")
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    params = {"approval_id": approval.id, "effect": f"effect.{approval.effect}", "why": why}
    crossing = Crossing(NoticeKind.APPROVAL_DECLINED, approval.id)
    await tell_persons(business, site, [approval.asked_by], crossing, params, account=account)


async def _fresh(business: Business, approval_id: str) -> Approval:
    approval = await business.store.approvals.get(approval_id)
    if approval is None:
        raise InvariantBroken(f"approval {approval_id} vanished")
    return approval
