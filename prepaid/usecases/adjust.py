"""An adjustment by the staff: credit or debit with a cause and a reason; above the limit two persons (M5)."""

from __future__ import annotations

from enum import StrEnum

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.approvals import Approval, Content, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import MAX_MICRO, Entry, Kind, Line, Posting, customer, same_request
from prepaid.ports import Business
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.decide_supply import decide_supply

MAX_KEY = 64
MAX_WHY = 200


class Cause(StrEnum):
    """What the money is booked against: "adjustments:<cause>"."""

    GOODWILL = "goodwill"
    METER_FAULT = "meter_fault"
    BILLING_ERROR = "billing_error"
    WRITE_OFF = "write_off"
    OPENING = "opening"
    OTHER = "other"


async def adjust(
    business: Business, actor: Actor, account_id: str, amount_micro: int, *, key: str, cause: Cause, why: str
) -> Entry | Approval:
    """Moves the balance by `amount_micro` (signed), once for each `key`; above the limit asks for a second person."""
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    site = await site_of(business, account)
    _check(amount_micro, key, why)
    check_not_closed(account)
    posting = _posting(business, account, site, amount_micro, cause=cause, key=key, why=why, actor_id=actor.id)
    stored = await business.store.ledger.by_idem(account.id, posting.idem)
    if stored is not None:
        return same_request(stored, posting)
    if abs(amount_micro) <= site.limits.adjust_micro:
        return await _apply(business, posting)
    what: Content = {"account": account.id, "amount_micro": amount_micro, "key": key, "cause": str(cause), "why": why}
    request = Request(
        effect=Effect.ADJUST, path=account.path, site_id=site.id, account_id=account.id, content=what, reason=why
    )
    return await ask_approval(business, actor, request)


async def adjust_as_agreed(business: Business, approval: Approval) -> None:
    """The effect of an approval. The wish's own key makes it single, even if it was asked for and agreed to twice."""
    content = read_content(approval)
    account = await business.store.sites.account(str(content["account"]))
    if account is None:
        raise InvariantBroken(f"approval {approval.id} has no account")
    check_not_closed(account)
    posting = _posting(
        business,
        account,
        await site_of(business, account),
        int(str(content["amount_micro"])),
        cause=Cause(str(content["cause"])),
        key=str(content["key"]),
        why=str(content["why"]),
        actor_id=approval.asked_by,
        approval=approval,
    )
    await _apply(business, posting)


def check_not_closed(account: Account) -> None:
    """A closed account is at zero and stays there."""
    if account.status is AccountStatus.CLOSED:
        raise Refused("refused.account_closed")


async def _apply(business: Business, posting: Posting) -> Entry:
    entry = await business.store.ledger.post(posting)
    await decide_supply(business, posting.account_id)
    return entry


def _check(amount_micro: int, key: str, why: str) -> None:
    if amount_micro == 0 or abs(amount_micro) > MAX_MICRO:
        raise Refused("refused.adjust_amount")
    if not 0 < len(key) <= MAX_KEY:
        raise Refused("refused.adjust_key")
    if not 0 < len(why.strip()) <= MAX_WHY:
        raise Refused("refused.reason_needed")


def _posting(
    business: Business,
    account: Account,
    site: Site,
    amount_micro: int,
    *,
    cause: Cause,
    key: str,
    why: str,
    actor_id: str,
    approval: Approval | None = None,
) -> Posting:
    agreed = {"approval": approval.id, "approved_by": approval.decided_by or ""} if approval else {}
    return Posting(
        account_id=account.id,
        idem=f"adjust:{key}",
        kind=Kind.ADJUSTMENT,
        lines=(Line(customer(account.id), amount_micro), Line(f"adjustments:{cause}", -amount_micro)),
        effective_at=business.clock.now(),
        actor=actor_id,
        reason=f"reason.{cause}",
        currency=site.currency,
        ref={"why": why, **agreed},
    )
