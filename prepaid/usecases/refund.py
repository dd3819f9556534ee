"""Gives a payment back to whoever paid it: at most what was credited and not yet refunded, never spent credit (M10).

One refund of an order at a time. Each step is conditional and keyed by the refund's number: a crash after any of them
is finished by `drive_refund` from where the row stands; while the provider is silent the same number is asked about,
never a new one (M9).
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.approvals import Approval, Content, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown, not_found
from prepaid.domain.ledger import CLEARING, Kind, Line, Posting, customer
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import (
    Pace,
    Refund,
    RefundState,
    RefundStep,
    check_pace,
    check_refund,
    refund_id,
    state_after,
    too_soon,
)
from prepaid.ports import Business, RefundingProvider, RefundPace
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import reach_account, record
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.tell import Crossing, Params, tell_persons

log = structlog.get_logger()

ENDS = frozenset({RefundStep.DONE, RefundStep.GIVEN_BACK, RefundStep.REFUSED})
MOST_STEPS = 8
"""A refund has four steps; more passes than this in one go would be a bug."""


async def refund(
    business: Business, actor: Actor, order_id: str, amount_fen: int, *, key: str, why: str
) -> Refund | Approval:
    """Refunds a part or all of an order, once for each `key`; above the site's limit asks for a second person.

    The refund returned may still be at the provider (`DEBITED`). Raises `Refused` for more than is left of the order,
    for credit that is spent, and for a provider that cannot refund.
    """
    order = await _reach(business, actor, order_id)
    held = await business.store.refunds.get(refund_id(order.id, key))
    if held is not None:
        if held.amount_fen != amount_fen:
            raise Refused("refused.idempotency_conflict")
        return await drive_refund(business, held)
    check_refund(order, amount_fen)
    if not why.strip():
        raise Refused("refused.reason_needed")
    check_pace(order, pace_of(business, order), business.clock.now())
    await _check_credit(business, order, amount_fen)
    site = await business.store.sites.site(order.site_id)
    if site is None:
        raise InvariantBroken(f"order {order.id} has no site")
    if micro_from_fen(amount_fen) > site.limits.refund_micro:
        return await _ask(business, actor, order, amount_fen, key=key, why=why)
    made = make_refund(business, order, amount_fen, key=key, asked_by=actor.id, why=why)
    return await start_refund(business, made)


async def refund_as_agreed(business: Business, approval: Approval) -> None:
    """The effect of an approval."""
    content = read_content(approval)
    order = await business.store.orders.get(str(content["order"]))
    if order is None:
        raise InvariantBroken(f"approval {approval.id} has no order")
    key, amount_fen = str(content["key"]), int(str(content["amount_fen"]))
    if await business.store.refunds.get(refund_id(order.id, key)) is None:
        check_refund(order, amount_fen)
        check_pace(order, pace_of(business, order), business.clock.now())
        await _check_credit(business, order, amount_fen)
    made = make_refund(business, order, amount_fen, key=key, asked_by=approval.asked_by, why=approval.reason)
    await start_refund(business, replace(made, approval_id=approval.id))


def make_refund(business: Business, order: Order, amount_fen: int, *, key: str, asked_by: str, why: str) -> Refund:
    """The row of a refund that has not begun."""
    return Refund(
        id=refund_id(order.id, key),
        order_id=order.id,
        account_id=order.account_id,
        site_id=order.site_id,
        provider=order.provider,
        amount_fen=amount_fen,
        currency=order.currency,
        reason=why,
        asked_by=asked_by,
        created_at=business.clock.now(),
        credited=order.state is not OrderState.DISPUTED,
    )


async def start_refund(business: Business, made: Refund) -> Refund:
    """Keeps the row once and drives it. Raises `Refused` when a rule stopped it before anything moved."""
    held = await business.store.refunds.add(made)
    ended = await drive_refund(business, held)
    if ended.step is RefundStep.REFUSED:
        raise Refused(ended.outcome)
    return ended


async def drive_refund(business: Business, row: Refund) -> Refund:
    """From where the row stands as far as it goes now; returns it as it then stands."""
    for _ in range(MOST_STEPS):
        if row.step in ENDS:
            return row
        step = row.step
        if step is RefundStep.ASKED:
            await _reserve(business, row)
        elif step is RefundStep.DEBITED:
            await _ask_provider(business, row)
        else:
            await _settle(business, row)
        row = await _fresh(business, row.id)
        if row.step is step:
            return row  # The provider has not made up its mind: asked about later, by the same number.
    raise InvariantBroken(f"refund {row.id} does not end")


def provider_of(business: Business, order: Order) -> RefundingProvider:
    """The order's provider, if it can give money back."""
    provider: object = business.providers.get(order.provider)
    if not isinstance(provider, RefundingProvider):
        raise Refused("refused.provider_cannot_refund")
    return provider


def pace_of(business: Business, order: Order) -> Pace:
    """What the order's provider demands of refunds."""
    provider = provider_of(business, order)
    if isinstance(provider, RefundPace):
        return Pace(within=provider.refund_within, most=provider.refunds_most, spacing=provider.refund_spacing)
    return Pace(within=provider.refund_within)


async def _reach(business: Business, actor: Actor, order_id: str) -> Order:
    """The order, if the actor may refund on its account; foreign and missing alike."""
    order = await business.store.orders.get(order_id)
    account = await business.store.sites.account(order.account_id) if order else None
    if order is None or account is None or not may(actor, Action.REFUND, Subject(account.path, account.id)):
        await record(business, actor, Action.REFUND, order_id, refused="refused.not_found")
        raise not_found()
    return order


async def _check_credit(business: Business, order: Order, amount_fen: int) -> None:
    """Says early what the debit would say anyway."""
    head = await business.store.ledger.head(order.account_id)
    if order.state is not OrderState.DISPUTED and head.balance_micro < micro_from_fen(amount_fen):
        raise Refused("refused.not_enough")


async def _ask(business: Business, actor: Actor, order: Order, amount_fen: int, *, key: str, why: str) -> Approval:
    account = await reach_account(business, actor, order.account_id, Action.REFUND)
    content: Content = {"order": order.id, "amount_fen": amount_fen, "key": key, "why": why}
    request = Request(
        effect=Effect.REFUND,
        path=account.path,
        site_id=order.site_id,
        account_id=account.id,
        content=content,
        reason=why,
    )
    return await ask_approval(business, actor, request)


async def _reserve(business: Business, row: Refund) -> None:
    """Reserves the order, then takes the credit. Whether it was taken is settled by one key in the ledger."""
    orders, refunds = business.store.orders, business.store.refunds
    order = await _order(business, row)
    try:
        await _begin(business, order, row)
        if row.credited:
            await _take_credit(business, row)
    except Refused as refused:
        state, gone_fen = state_after(order, row, succeeded=False)
        await orders.end_refund(order.id, row.id, state, gone_fen)
        await refunds.move(row.id, RefundStep.ASKED, RefundStep.REFUSED, outcome=refused.key)
        return
    await refunds.move(row.id, RefundStep.ASKED, RefundStep.DEBITED)
    log.info("refund_debited", refund=row.id, order=row.order_id)


async def _begin(business: Business, order: Order, row: Refund) -> None:
    if order.refund_id == row.id:
        return
    if row.id in order.refund_ids:
        raise Refused("refused.not_enough")  # It was begun and let go: a crash came before the row could say so.
    if order.state is OrderState.PAID:
        raise TryAgain("try_again.changed_meanwhile")  # It is being credited just now.
    check_refund(order, row.amount_fen)
    if not await business.store.orders.begin_refund(order, row.id):
        raise TryAgain("try_again.changed_meanwhile")


async def _take_credit(business: Business, row: Refund) -> None:
    """Posts the debit, or under the very same key that there was none: two workers cannot come to two answers."""
    debit = _debit(row)
    nothing = tuple(Line(line.account, 0) for line in debit.lines)
    try:
        await business.store.ledger.post(debit)
    except Refused as refused:
        if refused.key != "refused.idempotency_conflict":
            await _say_no(business, replace(debit, lines=nothing, reason="reason.refund_refused", floor_micro=None))
        if not await _was_debited(business, debit):
            raise Refused("refused.not_enough") from refused


async def _say_no(business: Business, nothing: Posting) -> None:
    try:
        await business.store.ledger.post(nothing)
    except Refused:
        log.info("refund_debited_meanwhile", account=nothing.account_id)


async def _was_debited(business: Business, debit: Posting) -> bool:
    stored = await business.store.ledger.by_idem(debit.account_id, debit.idem)
    return stored is not None and stored.delta_micro == debit.delta_micro


async def _ask_provider(business: Business, row: Refund) -> None:
    """Sends the number, or asks about it if it may have been sent before. Silence changes nothing."""
    order = await _order(business, row)
    refunds = business.store.refunds
    provider = provider_of(business, order)
    if not row.questions:
        if too_soon(order, pace_of(business, order), business.clock.now()):
            return  # It is sent when its time has come.
        await business.store.orders.refund_sent(order.id, business.clock.now())
    await refunds.asked(row.id, business.clock.now())
    try:
        answer = await provider.query_refund(order, row.id) if row.questions else None
        if answer is None:
            answer = await provider.refund(order, row.id, row.amount_fen, row.reason)
    except (TryAgain, Unknown) as trouble:
        log.warning("refund_waits", refund=row.id, kind=type(trouble).__name__, key=trouble.key)
        return
    except Refused as refused:
        await refunds.move(row.id, RefundStep.DEBITED, RefundStep.FAILED, outcome=refused.key)
        return
    if answer is RefundState.SUCCESS:
        await refunds.move(row.id, RefundStep.DEBITED, RefundStep.SUCCEEDED, ended_at=business.clock.now())
    elif answer is RefundState.FAILED:
        await refunds.move(row.id, RefundStep.DEBITED, RefundStep.FAILED, outcome="refused.provider")


async def _settle(business: Business, row: Refund) -> None:
    """The provider's last word into our books: credit given back if it failed, then the order, the notice, the row."""
    succeeded = row.step is RefundStep.SUCCEEDED
    if not succeeded and row.credited:
        await business.store.ledger.post(_give_back(business, row))
    order = await _order(business, row)
    state, gone_fen = state_after(order, row, succeeded=succeeded)
    await business.store.orders.end_refund(order.id, row.id, state, gone_fen)
    if row.credited:
        await decide_supply(business, row.account_id)
    await _tell(business, order, row, succeeded=succeeded)
    end = RefundStep.DONE if succeeded else RefundStep.GIVEN_BACK
    await business.store.refunds.move(row.id, row.step, end)
    log.info("refund_ended", refund=row.id, order=order.id, step=end)


def _debit(row: Refund) -> Posting:
    amount = micro_from_fen(row.amount_fen)
    approval = {"approval": row.approval_id} if row.approval_id else {}
    return Posting(
        account_id=row.account_id,
        idem=f"refund:{row.id}",
        kind=Kind.REFUND,
        lines=(Line(customer(row.account_id), -amount), Line(CLEARING + row.provider, amount)),
        effective_at=row.created_at,
        actor=row.asked_by,
        reason="reason.refund",
        currency=row.currency,
        ref={"order": row.order_id, "refund": row.id, "why": row.reason, **approval},
        floor_micro=0,
    )


def _give_back(business: Business, row: Refund) -> Posting:
    debit = _debit(row)
    return Posting(
        account_id=row.account_id,
        idem=f"rev:{debit.idem}",
        kind=Kind.REVERSAL,
        lines=tuple(Line(line.account, -line.amount_micro) for line in debit.lines),
        effective_at=business.clock.now(),
        actor=f"provider:{row.provider}",
        reason="reason.refund_failed",
        currency=row.currency,
        ref={"reverses": debit.idem, "order": row.order_id, "refund": row.id},
    )


async def _tell(business: Business, order: Order, row: Refund, *, succeeded: bool) -> None:
    """To the payer when the money is on its way back; to the asker when it is not."""
    account = await business.store.sites.account(row.account_id)
    site = await business.store.sites.site(row.site_id)
    if account is None or site is None:
        raise InvariantBroken(f"refund {row.id} has no account")
    params: Params = {"amount_micro": micro_from_fen(row.amount_fen), "order_id": order.id, "why": row.outcome}
    kind = NoticeKind.REFUND_DONE if succeeded else NoticeKind.REFUND_FAILED
    to = order.person_id if succeeded else row.asked_by
    await tell_persons(business, site, [to], Crossing(kind, row.id), params, account=account)


async def _order(business: Business, row: Refund) -> Order:
    order = await business.store.orders.get(row.order_id)
    if order is None:
        raise InvariantBroken(f"refund {row.id} has no order")
    return order


async def _fresh(business: Business, row_id: str) -> Refund:
    row = await business.store.refunds.get(row_id)
    if row is None:
        raise InvariantBroken(f"refund {row_id} vanished")
    return row
