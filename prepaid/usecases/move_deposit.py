"""Finance holds a deposit out of an account's credit, or gives it back. What is held is exact in every entry (P6)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry, Kind, Line, Posting, customer, deposits
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.decide_supply import decide_supply


async def move_deposit(
    business: Business, actor: Actor, account_id: str, amount_micro: int, *, key: str, why: str
) -> Entry:
    """Holds `amount_micro` as a deposit (negative: gives so much back), once for each `key` (M15).

    Raises `Refused` when there is not that much credit to hold or deposit to give back, and for more than one person
    may adjust on this site.
    """
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    site = await site_of(business, account)
    if amount_micro == 0 or abs(amount_micro) > site.limits.adjust_micro:
        raise Refused("refused.adjust_amount")
    posting = Posting(
        account_id=account.id,
        idem=f"deposit:{key}",
        kind=Kind.DEPOSIT,
        lines=(Line(customer(account.id), -amount_micro), Line(deposits(account.id), amount_micro)),
        effective_at=business.clock.now(),
        actor=actor.id,
        reason="reason.deposit",
        currency=site.currency,
        floor_micro=0,
    )
    async with intent(business, actor, "move_deposit", account.path, reason=why, after=str(amount_micro)):
        entry = await business.store.ledger.post(posting)
    await decide_supply(business, account.id)
    return entry
