"""Finds an account by its id or by its room label, within the actor's reach."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, scopes


async def find_account(business: Business, actor: Actor, text: str) -> Account:
    """The account meant by `text`. A foreign and a missing one give the same `Refused` (A1, A2)."""
    wanted = text.strip().casefold()
    for scope in scopes(actor, Action.SEE_ACCOUNT):
        for account in await business.store.sites.accounts_below(scope):
            if wanted in _names(account):
                return account
    for account_id in actor.accounts:
        account_or_none = await business.store.sites.account(account_id)
        if account_or_none and wanted in _names(account_or_none):
            return account_or_none
    if not wanted:
        raise not_found()
    return await reach_account(business, actor, text.strip(), Action.SEE_ACCOUNT)


def _names(account: Account) -> tuple[str, ...]:
    """A room's label means whoever lives there now; a closed account is found by its id only."""
    if account.status is AccountStatus.CLOSED:
        return (account.id.casefold(),)
    return account.id.casefold(), account.label.casefold()
