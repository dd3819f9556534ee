"""Asks for a second person's word, and tells whoever could give it (A6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from prepaid.domain.access import Actor, may
from prepaid.domain.approvals import Approval, ApprovalState, Request, ask
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, staff_label, tell_persons

log = structlog.get_logger()

MOST_WAITING = 200


async def ask_approval(
    business: Business, actor: Actor, request: Request, *, before: datetime | None = None
) -> Approval:
    """The approval that now waits. The caller has checked the asker's own right; the same wish again is the same row.

    It expires as the site's limits say, or at `before`, where the effect makes no sense later.

    The row itself says who asked for exactly what and why, so it is its own audit record (A3).
    """
    site = await business.store.sites.site(request.site_id)
    if site is None:
        raise InvariantBroken(f"approval for a site that is not there: {request.site_id}")
    approval = ask(request, actor, business.clock.now(), site.limits.approval_ttl_s)
    if before is not None and before < approval.expires_at:
        approval = replace(approval, expires_at=before)
    waiting = await _same(business, approval)
    if waiting is not None:
        return waiting
    await business.store.approvals.add(approval)
    log.info("approval_asked", approval=approval.id, effect=approval.effect, path=approval.path)
    staff = await business.store.people.staff_over(approval.path)
    others = [each.id for each in staff if each.id != actor.id and may(each.actor(), approval.action, approval.subject)]
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    what = {"approval_id": approval.id, "effect": f"effect.{approval.effect}", "why": approval.reason}
    params = {**what, **staff_label(site, account)}
    crossing = Crossing(NoticeKind.APPROVAL_ASKED, approval.id)
    await tell_persons(business, site, others, crossing, params, account=account)
    return approval


async def _same(business: Business, wish: Approval) -> Approval | None:
    """A live request of the same person for the same thing; one that is agreed to and not begun is live too."""
    for state in (ApprovalState.ASKED, ApprovalState.AGREED):
        for each in await business.store.approvals.below(wish.path, state, MOST_WAITING):
            live = state is ApprovalState.AGREED or wish.asked_at < each.expires_at
            if live and (each.digest, each.asked_by) == (wish.digest, wish.asked_by):
                return each
    return None
