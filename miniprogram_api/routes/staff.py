"""What staff see and do: the same use cases and rights as in chat (A2, A8)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.common import from_cursor, from_instant_cursor, to_cursor
from miniprogram_api.models.staff import (
    AccountFactsPage,
    ApprovalOut,
    ApprovalsOut,
    ApproveWish,
    AuditPage,
    AuditWish,
    DeclineWish,
    ForceWish,
    MetersPage,
    OverviewOut,
    PageWish,
    SiteLine,
    SitesOut,
    SupplyWish,
    account_facts,
    approval_out,
    audit_page,
    meter_out,
    site_of,
)
from miniprogram_api.models.tenant import SuppliesOut
from miniprogram_api.routes.accounts import supplies_of
from prepaid.domain.supply import HoldKind
from prepaid.usecases.decide_approval import approve, decline, show_approval, waiting_approvals
from prepaid.usecases.force_cut import force_cut
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.inspect_places import (
    accounts_in_reach,
    audit_in_reach,
    meters_in_reach,
    place_key,
    sites_in_reach,
)
from prepaid.usecases.overview import overview
from prepaid.usecases.switch_supply import switch_supply

_HOLDS = {"protect": HoldKind.ON, "lock": HoldKind.OFF, "release": None, "unlock": None}


async def _overview(ask: Ask) -> OverviewOut:
    return OverviewOut(sites=[site_of(view) for view in (await overview(ask.business, ask.actor)).sites])


async def _sites(ask: Ask) -> SitesOut:
    found = await sites_in_reach(ask.business, ask.actor)
    lines = [
        SiteLine(
            site_id=site.id,
            name=site.name,
            path=site.path,
            time_zone=site.calendar.time_zone,
            currency=site.currency,
        )
        for site in found
    ]
    return SitesOut(sites=lines)


async def _accounts(ask: Ask) -> AccountFactsPage:
    wish = ask.query(PageWish)
    found = await accounts_in_reach(ask.business, ask.actor, after=from_cursor(wish.cursor), limit=wish.limit)
    last = place_key(found[-1].path, found[-1].line.account_id) if len(found) == wish.limit else ""
    return AccountFactsPage(accounts=[account_facts(each) for each in found], next=to_cursor(last) or None)


async def _meters(ask: Ask) -> MetersPage:
    wish = ask.query(PageWish)
    found, last = await meters_in_reach(ask.business, ask.actor, after=from_cursor(wish.cursor), limit=wish.limit)
    return MetersPage(meters=[meter_out(each) for each in found], next=to_cursor(last) or None)


async def _supply(ask: Ask) -> SuppliesOut:
    wish, account_id = ask.body(SupplyWish), ask.path["account_id"]
    if wish.action in _HOLDS:
        views = await hold_supply(
            ask.business,
            ask.actor,
            account_id,
            kind=_HOLDS[wish.action],
            why=wish.reason,
            until=wish.until,
            untag=wish.action == "unlock",
        )
    else:
        on = wish.action == "restore"
        views = await switch_supply(ask.business, ask.actor, account_id, on=on, reason=wish.reason)
    return SuppliesOut(supplies=supplies_of(ask, views))


async def _force(ask: Ask) -> ApprovalOut:
    return approval_out(
        await force_cut(ask.business, ask.actor, ask.path["account_id"], reason=ask.body(ForceWish).reason)
    )


async def _approvals(ask: Ask) -> ApprovalsOut:
    return ApprovalsOut(approvals=[approval_out(one) for one in await waiting_approvals(ask.business, ask.actor)])


async def _approval(ask: Ask) -> ApprovalOut:
    return approval_out(await show_approval(ask.business, ask.actor, ask.path["approval_id"]))


async def _approve(ask: Ask) -> ApprovalOut:
    digest = ask.body(ApproveWish).digest
    return approval_out(await approve(ask.business, ask.actor, ask.path["approval_id"], digest))


async def _decline(ask: Ask) -> ApprovalOut:
    why = ask.body(DeclineWish).why
    return approval_out(await decline(ask.business, ask.actor, ask.path["approval_id"], why=why))


async def _audit(ask: Ask) -> AuditPage:
    wish = ask.query(AuditWish)
    until, skip = from_instant_cursor(wish.cursor)
    found = await audit_in_reach(ask.business, ask.actor, wish.path, limit=wish.limit, until=until, skip=skip)
    return audit_page(found, wish.limit, until, skip)


ROUTES = (
    Route(
        method="GET",
        path="/admin/overview",
        name="getOverview",
        summary="Sites and accounts within reach",
        tag="staff",
        handle=_overview,
        answers=OverviewOut,
    ),
    Route(
        method="GET",
        path="/admin/sites",
        name="listSites",
        summary="Sites within reach",
        tag="staff",
        handle=_sites,
        answers=SitesOut,
    ),
    Route(
        method="GET",
        path="/admin/accounts",
        name="listAccountsInReach",
        summary="Accounts within reach, by place",
        tag="staff",
        handle=_accounts,
        query=PageWish,
        answers=AccountFactsPage,
    ),
    Route(
        method="GET",
        path="/admin/meters",
        name="listMeters",
        summary="Meters within reach, account by account",
        tag="staff",
        handle=_meters,
        query=PageWish,
        answers=MetersPage,
    ),
    Route(
        method="POST",
        path="/admin/accounts/{account_id}/supply",
        name="changeSupply",
        summary="Cut, restore, protect, lock or release",
        tag="staff",
        handle=_supply,
        body=SupplyWish,
        answers=SuppliesOut,
    ),
    Route(
        method="POST",
        path="/admin/accounts/{account_id}/force-cut",
        name="askForceCut",
        summary="Ask a second person to cut off a protected supply",
        tag="staff",
        handle=_force,
        body=ForceWish,
        answers=ApprovalOut,
    ),
    Route(
        method="GET",
        path="/admin/approvals",
        name="listApprovals",
        summary="Requests that wait for a second person",
        tag="staff",
        handle=_approvals,
        answers=ApprovalsOut,
    ),
    Route(
        method="GET",
        path="/admin/approvals/{approval_id}",
        name="getApproval",
        summary="The exact content that is to be agreed to",
        tag="staff",
        handle=_approval,
        answers=ApprovalOut,
    ),
    Route(
        method="POST",
        path="/admin/approvals/{approval_id}/approve",
        name="approve",
        summary="Agree to exactly this content",
        tag="staff",
        handle=_approve,
        body=ApproveWish,
        answers=ApprovalOut,
        money=True,
    ),
    Route(
        method="POST",
        path="/admin/approvals/{approval_id}/decline",
        name="decline",
        summary="Say no, or take back what has not begun",
        tag="staff",
        handle=_decline,
        body=DeclineWish,
        answers=ApprovalOut,
        money=True,
    ),
    Route(
        method="GET",
        path="/admin/audit",
        name="listAudit",
        summary="Who did what to a place and all in it",
        tag="staff",
        handle=_audit,
        query=AuditWish,
        answers=AuditPage,
    ),
)
