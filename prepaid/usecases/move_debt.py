"""Finance moves a negative balance to arrears, to be recovered in shares of top-ups, or takes arrears back (P6)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry, Kind, Line, Posting, arrears, customer
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.decide_supply import decide_supply


async def move_debt(
    business: Business, actor: Actor, account_id: str, amount_micro: int, *, key: str, why: str
) -> Entry:
    """Moves so much of what the account owes aside; the same `key` moves it once (M15).

    The balance rises to zero at most, so no credit comes from nothing (M5). A negative amount takes debt back into the
    balance. Raises `Refused` above the site's limit for adjustments by one person.
    """
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    site = await site_of(business, account)
    if amount_micro == 0 or abs(amount_micro) > site.limits.adjust_micro:
        raise Refused("refused.adjust_amount")
    posting = _posting(business, actor, account, amount_micro, key=key, currency=site.currency)
    async with intent(business, actor, "move_debt", account.path, reason=why, after=str(amount_micro)):
        entry = await business.store.ledger.post(posting)
    await decide_supply(business, account.id)
    return entry


def _posting(
    business: Business, actor: Actor, account: Account, amount_micro: int, *, key: str, currency: str
) -> Posting:
    return Posting(
        account_id=account.id,
        idem=f"debt:{key}",
        kind=Kind.ARREARS,
        lines=(Line(customer(account.id), amount_micro), Line(arrears(account.id), -amount_micro)),
        effective_at=business.clock.now(),
        actor=actor.id,
        reason="reason.debt",
        currency=currency,
        ceiling_micro=0,
    )
