"""Cuts off many accounts at once: only by two persons, and never the protected ones among them (A6, S8)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.supply import HoldKind
from prepaid.ports import Business
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.force_cut import want_off
from prepaid.usecases.supply_views import live_hold

MOST_ACCOUNTS = 500


async def bulk_cut(business: Business, actor: Actor, account_ids: Sequence[str], *, reason: str) -> Approval:
    """Asks for a second person to cut all these accounts of one site. Nothing is cut yet."""
    wanted = sorted(set(account_ids))
    if not 0 < len(wanted) <= MOST_ACCOUNTS:
        raise Refused("refused.bulk_size", most=MOST_ACCOUNTS)
    if not reason.strip():
        raise Refused("refused.reason_needed")
    accounts = [await reach_account(business, actor, account_id, Action.BULK_CUT) for account_id in wanted]
    if len({account.site_id for account in accounts}) > 1:
        raise Refused("refused.bulk_sites")
    site = await site_of(business, accounts[0])
    request = Request(
        effect=Effect.BULK_CUT,
        path=common_path([account.path for account in accounts], site.path),
        site_id=site.id,
        account_id=accounts[0].id if len(accounts) == 1 else None,
        content={"accounts": tuple(wanted), "reason": reason},
        reason=reason,
    )
    return await ask_approval(business, actor, request)


def common_path(paths: Sequence[str], top: str) -> str:
    """The smallest subtree that holds all paths: the second person needs the right on all of it."""
    segments = [path.split("/") for path in paths]
    shared: list[str] = []
    for column in zip(*segments, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    common = "/".join(shared)
    if not covers(top, common):
        raise not_found()
    return common


async def cut_as_agreed(business: Business, approval: Approval) -> None:
    """The effect: every account that was named, except those protected or held meanwhile."""
    named = read_content(approval)["accounts"]
    if not isinstance(named, list):
        raise InvariantBroken(f"approval {approval.id} names no accounts")
    asker = Actor(id=approval.asked_by)
    for account_id in named:
        account = await business.store.sites.account(str(account_id))
        if account is not None and not account.protected:
            await _cut(business, asker, account, approval)


async def _cut(business: Business, asker: Actor, account: Account, approval: Approval) -> None:
    async with intent(business, asker, "bulk_cut", account.path, reason=approval.reason, before="on", after="off"):
        for supply in await business.store.supplies.of_account(account.id):
            hold = live_hold(supply, business.clock.now())
            if hold is None or hold.kind is not HoldKind.ON:
                await want_off(business, supply, approval)
