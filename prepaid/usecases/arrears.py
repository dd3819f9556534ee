"""Who owes, the most first, within the actor's reach (A2)."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """One account below zero. `off` says that one of its supplies is wanted off."""

    account_id: str
    label: str
    site_id: str
    balance_micro: int
    off: bool
    protected: bool


async def arrears(business: Business, actor: Actor) -> tuple[Debt, ...]:
    """Every account below zero. The account rows choose whom to look at, the ledger says how much (M16)."""
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        raise not_found()
    accounts = {
        account.id: account
        for scope in reach
        for account in await business.store.sites.accounts_below(scope)
        if account.status is not AccountStatus.CLOSED
    }
    cached = await business.store.ledger.cached(sorted(accounts))
    debts: list[Debt] = []
    for account_id in (each for each, head in cached.items() if head.balance_micro < 0):
        head = await business.store.ledger.head(account_id)
        account = accounts[account_id]
        supplies = await business.store.supplies.of_account(account_id) if head.balance_micro < 0 else ()
        if head.balance_micro < 0:
            debts.append(
                Debt(
                    account_id=account_id,
                    label=account.label,
                    site_id=account.site_id,
                    balance_micro=head.balance_micro,
                    off=any(not supply.wanted.on for supply in supplies),
                    protected=account.protected,
                )
            )
    return tuple(sorted(debts, key=lambda each: (each.balance_micro, each.account_id)))
