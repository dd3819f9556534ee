"""Tells everybody of an account that emergency credit was taken. Safe to repeat: one row a person and taking (N1)."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.accounts import Account
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.authorize import site_of
from prepaid.usecases.tell import Crossing, tell_account

AGAIN_WITHIN = timedelta(days=1)
"""For so long the sweeper sees to it that everybody was told; news that are older help nobody."""


async def tell_emergency(business: Business, account: Account) -> int:
    """Who may go how far down, since any of them may have taken it. Returns how many rows are new."""
    if account.emergency_at is None or business.clock.now() - account.emergency_at > AGAIN_WITHIN:
        return 0
    head, site = await business.store.ledger.head(account.id), await site_of(business, account)
    crossing = Crossing(NoticeKind.EMERGENCY_TAKEN, f"{account.emergency_at:%Y%m%d%H%M%S}")
    params = {
        "amount_micro": account.emergency_micro,
        "balance_micro": head.balance_micro,
        "floor_micro": account.floor_micro,
    }
    return await tell_account(business, account, site, crossing, params)
