"""What waits for a second person, as it is shown: the exact content beside the place that it is about (A6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prepaid.domain.access import Actor
from prepaid.domain.approvals import Approval, read_content
from prepaid.domain.errors import InvariantBroken
from prepaid.ports import Business
from prepaid.usecases.decide_approval import show_approval, waiting_approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """One approval, with the name of its account or site and the site's zone."""

    approval: Approval
    label: str
    time_zone: str
    content: Mapping[str, object]


async def view_approvals(business: Business, actor: Actor) -> tuple[ApprovalView, ...]:
    """Those that wait within the actor's reach, oldest first (A2)."""
    return tuple([await _view(business, each) for each in await waiting_approvals(business, actor)])


async def view_approval(business: Business, actor: Actor, approval_id: str) -> ApprovalView:
    """One of them. A foreign id and a missing one give the same `Refused`."""
    return await _view(business, await show_approval(business, actor, approval_id))


async def _view(business: Business, approval: Approval) -> ApprovalView:
    site = await business.store.sites.site(approval.site_id)
    if site is None:
        raise InvariantBroken(f"approval {approval.id} has no site")
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    return ApprovalView(
        approval=approval,
        label=f"{site.name} {account.label}" if account else site.name,
        time_zone=site.calendar.time_zone,
        content=read_content(approval),
    )
