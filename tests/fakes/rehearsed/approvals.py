"""Approvals on the stage: one of somebody else's that can be agreed to once, and one of the admin's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.price_words import read_price_list
from bot.conversations.topics.approvals import Approve, Decline, ListApprovals, ShowApproval, Undo
from prepaid.domain.access import Actor
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Approval, ApprovalState, Content, Effect, Request, ask, read_content
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.tariffs import TariffPlan, Utility, flat, tariff_text
from prepaid.domain.tariffs.wish import version_of
from prepaid.usecases.draft_tariff import Stage, sheet_of
from prepaid.usecases.view_approvals import ApprovalView
from tests.fakes.rights import EVERYBODY, OPERATES, free, right

ZONE = "Asia/Shanghai"
ADJUST: Content = {
    "account": "a101",
    "amount_micro": -120_000_000,
    "cause": "billing_error",
    "key": "k1",
    "why": "多收",
}
CUT: Content = {"accounts": tuple(f"a{number}" for number in range(101, 115)), "reason": "检修"}


def approval(stage: Any, number: str, effect: Effect, content: Content, by: str) -> Approval:
    """One that waits, asked for two hours ago."""
    request = Request(effect=effect, path="acme/maple", site_id="maple", content=content, reason="核对账单")
    made = ask(request, Actor(id=by), stage.now - timedelta(hours=2), 24 * 3600)
    return replace(made, id=f"ap_{number}")


PRICES = "ap_5566778899001122"


def _prices(stage: Any) -> ApprovalView:
    """A price list with hours and steps, beside the one in force."""
    said = read_price_list("peak 0.86 8-11 18-23, valley 0.31 23-7, flat 0.56, above 200 +0.05")
    version = version_of(said, None, "v2")
    held = flat("v1", 528_300)
    site = Site(id="maple", name="枫丹苑", path="acme/maple", tariff=TariffPlan(versions=(held,)))
    content: Content = {"site": "maple", "utility": "electricity", "version": tariff_text(version)}
    asked = approval(stage, PRICES.removeprefix("ap_"), Effect.CHANGE_TARIFF, content, "p9")
    return ApprovalView(
        approval=asked,
        label=site.name,
        time_zone=ZONE,
        content=read_content(asked),
        tariff=sheet_of(site, Utility.ELECTRICITY, version, Stage.COMING, stage.now),
        held=sheet_of(site, Utility.ELECTRICITY, held, Stage.NOW, stage.now),
    )


def _all(stage: Any) -> dict[str, ApprovalView]:
    waiting: tuple[Approval, ...] = (
        approval(stage, "0011223344556677", Effect.ADJUST, ADJUST, "p9"),
        approval(stage, "8899aabbccddeeff", Effect.BULK_CUT, CUT, "p3"),
    )
    agreed = approval(stage, "1122334455667788", Effect.BULK_CUT, CUT, "p9")
    due_at = stage.now + timedelta(seconds=45)
    agreed = replace(agreed, state=ApprovalState.AGREED, decided_by="p3", decided_at=stage.now, due_at=due_at)
    waiting = (*waiting, agreed)
    return {
        PRICES: _prices(stage),
    } | {
        each.id: ApprovalView(approval=each, label="枫丹苑 101", time_zone=ZONE, content=read_content(each))
        for each in waiting
    }


def _one(stage: Any, approval_id: str) -> ApprovalView:
    found = _all(stage).get(approval_id)
    if found is None:
        raise not_found()
    return found


def _undone(stage: Any, effect: Undo) -> Approval:
    found = _one(stage, effect.approval_id).approval
    if found.state is not ApprovalState.AGREED:
        raise Refused("refused.approval_begun")
    return replace(found, state=ApprovalState.UNDONE, outcome=effect.why)


def _agreed(stage: Any, effect: Approve) -> Approval:
    due_at = stage.now + timedelta(seconds=60)
    return replace(_ended(stage, effect, ApprovalState.AGREED), due_at=due_at)


def _ended(stage: Any, effect: Approve | Decline, state: ApprovalState) -> Approval:
    return replace(_one(stage, effect.approval_id).approval, state=state)


ANSWERS = {
    ListApprovals: lambda stage, _, __: tuple(_all(stage).values()),
    ShowApproval: lambda stage, _, e: _one(stage, e.approval_id),
    Approve: lambda stage, _, e: _agreed(stage, e),
    Undo: lambda stage, _, e: _undone(stage, e),
    Decline: lambda stage, _, e: replace(_ended(stage, e, ApprovalState.DECLINED), outcome=e.why),
}
SCRIPTS = {
    "approvals": (
        ("admin", "待审批"),
        ("admin", "批准 ap_0011223344556677"),
        ("admin", "同意"),
        ("admin", "是"),
        ("admin", "approve ap_8899aabbccddeeff"),
        ("admin", "批准 ap_5566778899001122"),
        ("admin", "批准 ap_0000"),
    ),
    "decline": (
        ("admin", "驳回 ap_0011223344556677"),
        ("admin", " "),
        ("admin", "金额不对，停电再核对"),
        ("admin", "/decline"),
    ),
    "undo": (
        ("admin", "批准 ap_1122334455667788"),
        ("admin", "撤销 ap_1122334455667788 看错房间"),
        ("admin", "撤销 ap_0011223344556677"),
        ("admin", "/undo"),
    ),
}
RIGHTS = (
    free("approvals", lambda _: ListApprovals(), EVERYBODY),
    replace(right("approvals", lambda on: ShowApproval(approval_id=on.approval_id), OPERATES), office=True),
    replace(
        right("approvals", lambda on: Approve(approval_id=on.approval_id, digest="another"), OPERATES),
        office=True,
        stored=True,
    ),
    replace(right("undo", lambda on: Undo(approval_id=on.approval_id), OPERATES), office=True),
    replace(right("decline", lambda on: Decline(approval_id=on.approval_id, why="no"), OPERATES), office=True),
)
