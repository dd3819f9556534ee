"""Ends emergency credit that a credit has repaid, so that it can be offered again. Safe to repeat (Y1)."""

from __future__ import annotations

import structlog

from prepaid.domain.accounts import Account
from prepaid.domain.ledger import Head
from prepaid.ports import Business
from prepaid.usecases.tell_emergency import tell_emergency

log = structlog.get_logger()

BATCH = 1000


async def settle_emergency(business: Business, account: Account, head: Head) -> bool:
    """Clears the emergency credit of an account whose balance a credit has lifted above zero; True if it did.

    The account must have been read before its head, so that the head is of after the taking.
    """
    if account.emergency_at is None or not account.has_repaid(head):
        return False
    cleared = await business.store.sites.clear_emergency(account.id, account.emergency_at)
    if cleared:
        log.info("emergency_repaid", account=account.id)
    return cleared


async def clear_emergencies(business: Business) -> int:
    """The sweeper: ends what is repaid and tells of what is in force, where a crash left either undone.

    Returns how many were cleared.
    """
    cleared = 0
    for account in await business.store.sites.in_emergency(BATCH):
        if await settle_emergency(business, account, await business.store.ledger.head(account.id)):
            cleared += 1
        else:
            await tell_emergency(business, account)
    return cleared
