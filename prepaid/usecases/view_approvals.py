"""What waits for a second person, as it is shown: the exact content beside the place that it is about (A6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from prepaid.domain.access import Actor
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Approval, Effect, read_content
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.fees import pricing_of
from prepaid.domain.tariffs import Utility, plan_of, tariff_from_text
from prepaid.ports import Business
from prepaid.usecases.decide_approval import show_approval, waiting_approvals
from prepaid.usecases.draft_tariff import Stage, VersionSheet, sheet_of
from prepaid.usecases.name_people import Named, name_people

NONE: tuple[None, None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """One approval, with the name of its account or site and the site's zone."""

    approval: Approval
    label: str
    time_zone: str
    content: Mapping[str, object]
    tariff: VersionSheet | None = None
    """The price list that is asked for, where that is what it is about."""
    held: VersionSheet | None = None
    """The one in force beside it."""
    asked_by: Mapping[str, Named] = field(default_factory=dict)
    """Who asked, as the actor may know them; only where one is looked at."""


async def view_approvals(business: Business, actor: Actor) -> tuple[ApprovalView, ...]:
    """Those that wait within the actor's reach, oldest first (A2)."""
    return tuple([await _view(business, each) for each in await waiting_approvals(business, actor)])


async def view_approval(business: Business, actor: Actor, approval_id: str) -> ApprovalView:
    """One of them. A foreign id and a missing one give the same `Refused`."""
    view = await _view(business, await show_approval(business, actor, approval_id))
    return replace(view, asked_by=await name_people(business, actor, (view.approval.asked_by,)))


async def _view(business: Business, approval: Approval) -> ApprovalView:
    site = await business.store.sites.site(approval.site_id)
    if site is None:
        raise InvariantBroken(f"approval {approval.id} has no site")
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    content = read_content(approval)
    tariff, held = _tariffs(site, content, business.clock.now()) if approval.effect is Effect.CHANGE_TARIFF else NONE
    return ApprovalView(
        approval=approval,
        label=f"{site.name} {account.label}" if account else site.name,
        time_zone=site.calendar.time_zone,
        content=content,
        tariff=tariff,
        held=held,
    )


def _tariffs(site: Site, content: Mapping[str, object], now: datetime) -> tuple[VersionSheet, VersionSheet | None]:
    """What is asked for and what holds now."""
    utility, pricing = Utility(str(content["utility"])), pricing_of(site, None, Utility(str(content["utility"])))
    asked = sheet_of(site, utility, tariff_from_text(str(content["version"])), Stage.COMING, now)
    held = None if pricing is None else sheet_of(site, utility, plan_of(pricing).at(now), Stage.NOW, now)
    return asked, held
