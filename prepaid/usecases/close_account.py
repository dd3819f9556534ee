"""A tenant moves out: final readings, the last bill, the remaining credit back to its payers, then closed at zero (T5).

The row in `closings` says how far it has come and what it waits for. Every effect is keyed by the account, so that
`drive_closing` can be run again from any point; the sweeper does so until the account is closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.approvals import Approval, read_content
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import InvariantBroken, Refused, Trouble, not_found
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.notices import NoticeKind
from prepaid.domain.staff_requests import RequestState, Wish
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.cash_topup import CASH_DESK
from prepaid.usecases.closing_meters import settle_meters
from prepaid.usecases.closing_money import PAYABLE, balance_out, pay_back_all
from prepaid.usecases.staff_requests import end_requests
from prepaid.usecases.tell import Crossing, tell_staff
from prepaid.usecases.wallets import wallets_of

log = structlog.get_logger()

BATCH = 100
MOST_STEPS = 6

_WORK: Mapping[Step, Callable[[Business, Closing], Awaitable[str | None]]] = {
    Step.SETTLING: settle_meters,
    Step.BALANCING: balance_out,
    Step.PAYING: pay_back_all,
}
"""Each takes its step and moves the row on; or returns the text key ("closing.*") of what it waits for."""


async def close_account(business: Business, actor: Actor, account_id: str, *, reason: str) -> Closing:
    """Begins the move-out, or goes on with it, and returns how far it is. Top-ups are blocked from now on.

    All wallets of the tenancy end with it, each by a row of its own: its final readings, its statement, its credit.
    """
    account = await reach_account(business, actor, account_id, Action.CLOSE_ACCOUNT)
    if not reason.strip():
        raise Refused("refused.reason_needed")
    others = [each for each in await wallets_of(business, account) if each.id != account.id]
    rows = [await business.store.closings.add(_row(business, actor, each, reason)) for each in (*others, account)]
    for row in rows:
        await end_requests(business, actor, row.id, RequestState.DONE, wish=Wish.MOVE_OUT)
    for row in rows[:-1]:
        await _or_later(business, row)
    return await drive_closing(business, rows[-1])


def _row(business: Business, actor: Actor, account: Account, reason: str) -> Closing:
    return Closing(
        id=account.id,
        site_id=account.site_id,
        path=account.path,
        asked_by=actor.id,
        asked_at=business.clock.now(),
        reason=reason,
    )


async def _or_later(business: Business, closing: Closing) -> bool:
    """As far as it goes now; what troubles one account is for the sweeper, and holds up no other."""
    try:
        return (await drive_closing(business, closing)).step is Step.CLOSED
    except Trouble as trouble:
        log.warning("closing_waits", account=closing.id, kind=type(trouble).__name__, key=trouble.key)
        return False


async def show_closing(business: Business, actor: Actor, account_id: str) -> Closing:
    """How far a move-out is, and its statement: final readings, what was left, where it goes."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    closing = await business.store.closings.get(account.id)
    if closing is None:
        raise not_found()
    return closing


async def drive_closing(business: Business, closing: Closing) -> Closing:
    """As far as it goes now."""
    await business.store.sites.move_account(closing.id, AccountStatus.OPEN, AccountStatus.CLOSING)
    for _ in range(MOST_STEPS):
        if closing.step is Step.CLOSED:
            return closing
        waits_for = await _WORK[closing.step](business, closing)
        if waits_for is not None:
            return await _wait(business, closing, waits_for)
        closing = await _fresh(business, closing.id)
    raise InvariantBroken(f"move-out of {closing.id} does not end")


async def resume_closings(business: Business) -> int:
    """Goes on with every move-out. One account's trouble does not hold up the others; returns how many were closed."""
    return sum([await _or_later(business, closing) for closing in await business.store.closings.open(BATCH)])


async def pay_out_as_agreed(business: Business, approval: Approval) -> None:
    """The effect of an approval: the remaining credit, up to what was named, may go back."""
    content = read_content(approval)
    closing = await _fresh(business, str(content["account"]))
    head = await business.store.ledger.head(closing.id)
    if head.balance_micro > int(str(content["amount_micro"])):
        raise Refused("refused.approval_changed")
    await business.store.closings.move(
        closing.id, Step.BALANCING, Step.BALANCING, approved_micro=int(str(content["amount_micro"]))
    )
    await drive_closing(business, await _fresh(business, closing.id))


async def pay_out_cash(business: Business, actor: Actor, account_id: str) -> Closing:
    """The desk hands out what no payer could be given back. Once for each account."""
    account = await reach_account(business, actor, account_id, Action.REFUND)
    closing = await business.store.closings.get(account.id)
    if closing is None or closing.step is not Step.CLOSED or closing.payable_micro <= 0:
        raise Refused("refused.nothing_payable")
    if closing.paid_out_by is not None:
        return closing
    amount = closing.payable_micro
    site = await site_of(business, account)
    posting = Posting(
        account_id=account.id,
        idem=f"payout:{account.id}",
        kind=Kind.REFUND,
        lines=(Line(customer(account.id), 0), Line(PAYABLE, -amount), Line(CASH_DESK, amount)),
        effective_at=business.clock.now(),
        actor=actor.id,
        reason="reason.pay_out",
        currency=site.currency,
    )
    entry = await business.store.ledger.post(posting)
    await business.store.closings.move(account.id, Step.CLOSED, Step.CLOSED, paid_out_by=entry.actor)
    return await _fresh(business, account.id)


async def _wait(business: Business, closing: Closing, waits_for: str) -> Closing:
    if closing.waits_for != waits_for:
        await business.store.closings.move(closing.id, closing.step, closing.step, waits_for=waits_for)
        log.info("closing_waits", account=closing.id, step=closing.step, waits_for=waits_for)
        account = await business.store.sites.account(closing.id)
        if account is not None:
            site = await site_of(business, account)
            crossing = Crossing(NoticeKind.CLOSING_WAITS, waits_for)
            await tell_staff(business, site, crossing, {"why": waits_for}, account=account)
    return await _fresh(business, closing.id)


async def _fresh(business: Business, account_id: str) -> Closing:
    closing = await business.store.closings.get(account_id)
    if closing is None:
        raise InvariantBroken(f"move-out of {account_id} vanished")
    return closing
