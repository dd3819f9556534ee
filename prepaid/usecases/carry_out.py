"""Does what two persons have agreed to. Keyed by what was agreed, so that running it again changes nothing (Y1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from prepaid.domain.approvals import Approval, ApprovalState, Effect
from prepaid.domain.errors import Refused, Trouble
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.adjust import adjust_as_agreed
from prepaid.usecases.allow_mass_cut import allow_as_agreed
from prepaid.usecases.bulk_cut import cut_as_agreed
from prepaid.usecases.cash_topup import take_cash_as_agreed
from prepaid.usecases.change_tariff import change_as_agreed
from prepaid.usecases.close_account import pay_out_as_agreed
from prepaid.usecases.force_cut import force_as_agreed
from prepaid.usecases.refund import refund_as_agreed
from prepaid.usecases.reverse_entry import reverse_as_agreed
from prepaid.usecases.tell import Crossing, staff_label, tell_persons

log = structlog.get_logger()

BATCH = 50

EFFECTS: Mapping[Effect, Callable[[Business, Approval], Awaitable[None]]] = {
    Effect.FORCE_CUT: force_as_agreed,
    Effect.BULK_CUT: cut_as_agreed,
    Effect.MASS_CUT: allow_as_agreed,
    Effect.REFUND: refund_as_agreed,
    Effect.ADJUST: adjust_as_agreed,
    Effect.REVERSE: reverse_as_agreed,
    Effect.CASH_TOP_UP: take_cash_as_agreed,
    Effect.PAY_OUT: pay_out_as_agreed,
    Effect.CHANGE_TARIFF: change_as_agreed,
}


async def carry_out(business: Business, approval: Approval) -> None:
    """From approved to done, or to failed when a rule refuses. Other trouble leaves it approved, for the sweeper."""
    state, outcome = ApprovalState.DONE, ""
    try:
        await EFFECTS[approval.effect](business, approval)
    except Refused as refused:
        state, outcome = ApprovalState.FAILED, refused.key
    await _tell(business, approval, state, outcome)  # Before the row says so: a crash between the two repeats both.
    if await business.store.approvals.move(approval.id, ApprovalState.APPROVED, state, outcome=outcome):
        log.info("approval_carried_out", approval=approval.id, effect=approval.effect, state=state, outcome=outcome)


async def resume_approvals(business: Business) -> int:
    """Carries out what is due, and what a crash left of it. Returns how many were finished.

    One conditional write begins an effect, another one takes it back: of the two one wins, however many processes run.
    """
    done = 0
    for approval in await business.store.approvals.due(business.clock.now(), BATCH):
        await business.store.approvals.move(approval.id, ApprovalState.AGREED, ApprovalState.APPROVED)
    for approval in await business.store.approvals.in_state(ApprovalState.APPROVED, BATCH):
        try:
            await carry_out(business, approval)
            done += 1
        except Trouble as trouble:
            log.warning("approval_waits", approval=approval.id, kind=type(trouble).__name__, key=trouble.key)
    return done


async def _tell(business: Business, approval: Approval, state: ApprovalState, outcome: str) -> None:
    site = await business.store.sites.site(approval.site_id)
    if site is None:
        return  # The site was removed meanwhile; the approval's row keeps the outcome.
    account = await business.store.sites.account(approval.account_id) if approval.account_id else None
    kind = NoticeKind.APPROVAL_DONE if state is ApprovalState.DONE else NoticeKind.APPROVAL_FAILED
    what = {"approval_id": approval.id, "effect": f"effect.{approval.effect}", "why": outcome}
    params = {**what, **staff_label(site, account)}
    await tell_persons(business, site, [approval.asked_by], Crossing(kind, approval.id), params, account=account)
