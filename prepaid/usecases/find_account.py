"""Finds an account by its id or by its room label, within the actor's reach."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, scopes


async def find_account(business: Business, actor: Actor, text: str) -> Account:
    """The account meant by `text`. A foreign and a missing one give the same `Refused` (A1, A2)."""
    _, account = await find_first(business, actor, (text,))
    return account


async def find_first(business: Business, actor: Actor, texts: Sequence[str]) -> tuple[int, Account]:
    """The account meant by the first of `texts` that means one, and its place among them. Raises as `find_account`.

    A refusal is recorded for the first of them alone.
    """
    named: dict[str, Account] = {}
    for scope in scopes(actor, Action.SEE_ACCOUNT):
        for account in await business.store.sites.accounts_below(scope):
            _name(named, account)
    for account_id in actor.accounts:
        account_or_none = await business.store.sites.account(account_id)
        if account_or_none:
            _name(named, account_or_none)
    for place, text in enumerate(texts):
        found = named.get(text.strip().casefold())
        if found is not None:
            return place, found
    if not texts or not texts[0].strip():
        raise not_found()
    return 0, await reach_account(business, actor, texts[0].strip(), Action.SEE_ACCOUNT)


def _name(named: dict[str, Account], account: Account) -> None:
    for name in _names(account):
        named.setdefault(name, account)


def _names(account: Account) -> tuple[str, ...]:
    """A room's label means whoever lives there now; a closed account is found by its id only."""
    if account.status is AccountStatus.CLOSED:
        return (account.id.casefold(),)
    return account.id.casefold(), account.label.casefold()
