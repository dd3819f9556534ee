"""The wallets of a tenancy: one for everything, or one for each utility where the site says so.

Each wallet is an account with a chain, an order book and notices of its own, so whatever is said of accounts holds for
it: an empty one cuts off its own meters and no others. They are tied by the tenancy: people are bound to all of them at
once, and a move-out ends them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.credit import Wallet
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business

log = structlog.get_logger()

MARKS = {Utility.WATER: "m³"}
"""What a wallet's label adds to the room's, in no language."""


def first_utility(site: Site) -> str:
    """What the account that a tenancy begins with pays for."""
    return Utility.ELECTRICITY if site.credit.wallet is Wallet.SEPARATE else ""


def wallet_id(tenancy: str, utility: Utility) -> str:
    """One id for a tenancy's wallet, so that it is opened once."""
    return tenancy if utility is Utility.ELECTRICITY else f"{tenancy}-{utility}"


async def wallets_of(business: Business, account: Account) -> Sequence[Account]:
    """Every wallet of the account's tenancy, the one that it began with first; most often just the account."""
    if not account.utility:
        return (account,)
    tenancy = account.tenancy or account.id
    ids = [wallet_id(tenancy, utility) for utility in Utility]
    found = {each.id: each for each in await business.store.sites.accounts(ids)}
    return [found[name] for name in ids if name in found]


async def wallet_for(business: Business, account: Account, utility: Utility) -> Account:
    """The wallet of the account's tenancy that pays for a utility; opened when it is first needed (can be repeated).

    Whoever is bound to the tenancy is bound to a new wallet too.
    """
    if account.utility in ("", utility):
        return account
    known = await wallets_of(business, account)
    main = known[0]
    held = next((each for each in known if each.utility == utility), None)
    if held is None:
        if account.tenancy or main.utility == utility:
            raise InvariantBroken(f"tenancy of {account.id} has lost its first account")
        held = _new(main, utility)
        if await business.store.sites.add_account(held):
            log.info("wallet_opened", account=held.id, tenancy=main.id)
    for person in await business.store.people.of_account(main.id):
        await business.store.people.bind(person.id, held.id)
    return held


def _new(main: Account, utility: Utility) -> Account:
    """As the first account, without what only money tells: each wallet lends, owes and prices for itself."""
    return replace(
        main,
        id=wallet_id(main.id, utility),
        label=f"{main.label} {MARKS[utility]}",
        utility=str(utility),
        tenancy=main.id,
        overdraft_micro=0,
        emergency_micro=0,
        emergency_at=None,
        emergency_seq=0,
    )
