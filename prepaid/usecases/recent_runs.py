"""The latest comparison with each provider's bill, as far as the actor audits (M17, A2)."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.reconcile import PROVIDER_ZONE, Run, Share
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes
from prepaid.usecases.reconcile_outcome import show_run

DAYS_BACK = 3


async def recent_runs(business: Business, actor: Actor) -> tuple[tuple[Run, tuple[Share, ...]], ...]:
    """One for each provider: of the newest day of the last three that was compared. None yet gives none."""
    if not scopes(actor, Action.AUDIT):
        raise not_found()
    found = [await _newest(business, actor, name) for name in sorted(business.providers)]
    return tuple(each for each in found if each is not None)


async def _newest(business: Business, actor: Actor, provider: str) -> tuple[Run, tuple[Share, ...]] | None:
    merchant = business.providers[provider].merchant
    today = business.clock.now().astimezone(PROVIDER_ZONE).date()
    for back in range(1, DAYS_BACK + 1):
        day = today - timedelta(days=back)
        try:
            return await show_run(business, actor, f"{merchant.provider}:{merchant.merchant_id}:{day.isoformat()}")
        except Refused:
            continue
    return None
