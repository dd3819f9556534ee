"""Cuts off a supply that is protected or held on: only ever by two persons (A6)."""

from __future__ import annotations

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.approvals import Approval, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain
from prepaid.domain.supply import HoldKind, Supply, Wanted
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import intent, reach_account

log = structlog.get_logger()


async def force_cut(business: Business, actor: Actor, account_id: str, *, reason: str) -> Approval:
    """Asks for a second person to cut every meter of the account, protected or not. Nothing is cut yet."""
    account = await reach_account(business, actor, account_id, Action.FORCE_CUT)
    if not reason.strip():
        raise Refused("refused.reason_needed")
    meters = tuple(sorted(supply.meter_id for supply in await business.store.supplies.of_account(account.id)))
    request = Request(
        effect=Effect.FORCE_CUT,
        path=account.path,
        site_id=account.site_id,
        account_id=account.id,
        content={"account": account.id, "meters": meters, "reason": reason},
        reason=reason,
    )
    return await ask_approval(business, actor, request)


async def force_as_agreed(business: Business, approval: Approval) -> None:
    """The effect: holds that keep the supply on are lifted, and the meters that were named are wanted off by hand."""
    content = read_content(approval)
    named = content["meters"]
    account = await business.store.sites.account(str(content["account"]))
    if account is None or not isinstance(named, list):
        raise InvariantBroken(f"approval {approval.id} has no account or no meters")
    asker = Actor(id=approval.asked_by)
    async with intent(business, asker, "force_cut", account.path, reason=approval.reason, before="on", after="off"):
        for supply in await business.store.supplies.of_account(account.id):
            if supply.meter_id in named:
                if supply.hold is not None and supply.hold.kind is HoldKind.ON:
                    await business.store.supplies.hold(supply.meter_id, None, at=business.clock.now())
                await want_off(business, supply, approval)


async def want_off(business: Business, supply: Supply, approval: Approval) -> None:
    """Off by hand, once for this approval; whatever was decided after it stands (S6)."""
    decided_at, wanted = approval.decided_at, supply.wanted
    if decided_at is None:
        raise InvariantBroken(f"approval {approval.id} was not decided")
    if wanted.cause == approval.id or wanted.at > decided_at:
        return
    off = Wanted(
        on=False,
        generation=wanted.generation + 1,
        reason="rule.cut_by_hand",
        actor=approval.asked_by,
        at=business.clock.now(),
        by_hand=True,
        cause=approval.id,
    )
    if not await business.store.supplies.want(supply.meter_id, wanted.generation, off):
        raise TryAgain("try_again.changed_meanwhile")
    log.info("supply_wanted", meter=supply.meter_id, on=False, rule=off.reason, generation=off.generation)
    await business.wakeups.wake(topic_gateway(supply.gateway_id))
