"""The second half of a move-out: what is owed is asked for, what is left goes back, and the account ends at zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from prepaid.domain.access import Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.approvals import Approval, ApprovalState, Effect, Request
from prepaid.domain.closing import Closing, Step, below_a_fen, pay_back
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Entry, Kind, Line, Posting, arrears, customer, deposits
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business, RefundingProvider
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import site_of
from prepaid.usecases.closing_agreement import ask_agreement
from prepaid.usecases.closing_meters import MOST_ORDERS
from prepaid.usecases.refund import ENDS, drive_refund, make_refund
from prepaid.usecases.tell import Crossing, tell_account

log = structlog.get_logger()

PAYABLE = "refunds:payable"
ROUNDING = "rounding:closing"
MOST_RESTS = 10
"""Late payments may leave something more to pay, a few times at most."""


async def balance_out(business: Business, closing: Closing) -> str | None:
    """Deposit released, arrears settled; a debt is waited for, a large credit waits for a second person."""
    account = await _account(business, closing)
    await _release_aside(business, account)
    head = await business.store.ledger.head(account.id)
    if head.balance_micro < 0 or head.aside.arrears_micro > 0:
        return "closing.debt"
    site = await site_of(business, account)
    if head.balance_micro > max(site.limits.refund_micro, closing.approved_micro):
        return await _second_person(business, closing, account, head.balance_micro)
    orders = await business.store.orders.of_account(account.id, MOST_ORDERS)
    plan = pay_back(head.balance_micro, orders, _reach(business), business.clock.now())
    stated = replace(closing, plan=tuple(plan), balance_micro=head.balance_micro)
    waits_for = await ask_agreement(business, stated, account, site)
    figures = {"plan": stated.plan, "balance_micro": stated.balance_micro}
    if waits_for is not None:
        await business.store.closings.move(closing.id, Step.BALANCING, Step.BALANCING, **figures)
        return waits_for
    await business.store.closings.move(closing.id, Step.BALANCING, Step.PAYING, **figures, waits_for="")
    return None


async def pay_back_all(business: Business, closing: Closing) -> str | None:
    """Refunds as planned, then the rest as payable in cash, then everything that ends with a tenancy."""
    account = await _account(business, closing)
    for part in closing.plan:
        order = await business.store.orders.get(part.order_id)
        if order is None:
            raise InvariantBroken(f"order {part.order_id} vanished")
        wish = make_refund(
            business, order, part.amount_fen, key=f"close:{account.id}", asked_by=closing.asked_by, why=closing.reason
        )
        held = await business.store.refunds.add(wish)
        if (await drive_refund(business, held)).step not in ENDS:
            return "closing.refund_under_way"
    payable = await _rest_payable(business, closing, account)
    head = await business.store.ledger.head(account.id)
    if head.balance_micro != 0:
        return "closing.debt" if head.balance_micro < 0 else "closing.money_on_its_way"
    await _end_tenancy(business, closing, account, payable)
    return None


async def _release_aside(business: Business, account: Account) -> None:
    """The deposit comes back to the balance, and what is owed beside it is paid from there as far as it goes."""
    head = await business.store.ledger.head(account.id)
    if head.aside.deposit_micro > 0:
        amount = head.aside.deposit_micro
        lines = (Line(customer(account.id), amount), Line(deposits(account.id), -amount))
        await _post(business, account, f"close-deposit:{account.id}:{head.seq}", Kind.DEPOSIT, lines)
        head = await business.store.ledger.head(account.id)
    owed = min(head.aside.arrears_micro, max(0, head.balance_micro))
    if owed > 0:
        lines = (Line(customer(account.id), -owed), Line(arrears(account.id), owed))
        await _post(business, account, f"close-arrears:{account.id}:{head.seq}", Kind.ARREARS, lines)


async def _second_person(business: Business, closing: Closing, account: Account, balance_micro: int) -> str:
    approval = await business.store.approvals.get(closing.approval_id) if closing.approval_id else None
    if approval is None or not _is_live(approval, business.clock.now()):
        request = Request(
            effect=Effect.PAY_OUT,
            path=account.path,
            site_id=account.site_id,
            account_id=account.id,
            content={"account": account.id, "amount_micro": balance_micro},
            reason=closing.reason,
        )
        asked = await ask_approval(business, Actor(id=closing.asked_by), request)
        await business.store.closings.move(closing.id, closing.step, closing.step, approval_id=asked.id)
    return "closing.second_person"


def _is_live(approval: Approval, now: datetime) -> bool:
    agreed = approval.state is ApprovalState.AGREED
    return agreed or (now < approval.expires_at and approval.state in (ApprovalState.ASKED, ApprovalState.APPROVED))


def _reach(business: Business) -> dict[str, timedelta]:
    able = {name: each for name, each in business.providers.items() if isinstance(each, RefundingProvider)}
    return {name: each.refund_within for name, each in able.items()}


async def _rest_payable(business: Business, closing: Closing, account: Account) -> int:
    """Moves what is left to refunds payable, and the part below a fen to rounding. Returns all that is payable."""
    total = 0
    for turn in range(MOST_RESTS):
        key = f"close:{account.id}:{turn}"
        stored = await business.store.ledger.by_idem(account.id, key)
        if stored is None:
            head = await business.store.ledger.head(account.id)
            if head.balance_micro <= 0:
                return total
            below = below_a_fen(head.balance_micro)
            whole = head.balance_micro - below
            lines = (Line(customer(account.id), -head.balance_micro), Line(PAYABLE, whole), Line(ROUNDING, below))
            stored = await _post(business, account, key, Kind.REFUND, lines, actor_id=closing.asked_by)
        total += sum(line.amount_micro for line in stored.lines if line.account == PAYABLE)
    raise InvariantBroken(f"account {account.id} gets money for ever")


async def _end_tenancy(business: Business, closing: Closing, account: Account, payable_micro: int) -> None:
    """Told, unbound, closed: in this order, so that whoever lived there hears of it and then sees nothing more."""
    site, now = await site_of(business, account), business.clock.now()
    params = {"balance_micro": closing.balance_micro, "payable_micro": payable_micro}
    await tell_account(business, account, site, Crossing(NoticeKind.ACCOUNT_CLOSED, "closed"), params)
    for person in await business.store.people.of_account(account.id):
        await business.store.people.unbind(person.id, account.id)
    await business.store.sites.move_account(account.id, AccountStatus.CLOSING, AccountStatus.CLOSED, lease_to=now)
    await business.store.closings.move(
        closing.id, Step.PAYING, Step.CLOSED, payable_micro=payable_micro, closed_at=now, waits_for=""
    )
    log.info("account_closed", account=account.id)


async def _post(
    business: Business, account: Account, idem: str, kind: Kind, lines: tuple[Line, ...], *, actor_id: str = "clock"
) -> Entry:
    site = await site_of(business, account)
    posting = Posting(
        account_id=account.id,
        idem=idem,
        kind=kind,
        lines=lines,
        effective_at=business.clock.now(),
        actor=actor_id,
        reason="reason.closing",
        currency=site.currency,
        floor_micro=0 if kind is not Kind.DEPOSIT else None,
    )
    return await business.store.ledger.post(posting)


async def _account(business: Business, closing: Closing) -> Account:
    account = await business.store.sites.account(closing.id)
    if account is None:
        raise InvariantBroken(f"no account {closing.id}")
    return account
