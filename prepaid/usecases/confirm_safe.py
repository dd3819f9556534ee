"""A tenant, or somebody on the spot, says that stoves and irons are off: now the supply may come back."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.authorize import intent, reach_account
from prepaid.usecases.supply_views import supply_views
from prepaid.usecases.views import SupplyView


async def confirm_safe(business: Business, actor: Actor, account_id: str) -> tuple[SupplyView, ...]:
    """Confirms for every supply of the account that waits to be restored; returns the account's supplies.

    Raises `Refused("refused.nothing_to_confirm")` where none waits. The word holds for this restore and no later one.
    """
    account = await reach_account(business, actor, account_id, Action.CONFIRM_SAFE)
    supplies = await business.store.supplies.of_account(account.id)
    waiting = [each for each in supplies if each.wanted.on and each.reported is not None and not each.reported.on]
    if not waiting:
        raise Refused("refused.nothing_to_confirm")
    async with intent(business, actor, Action.CONFIRM_SAFE, account.path):
        for supply in waiting:
            await business.store.supplies.confirm_safe(supply.meter_id, supply.wanted.generation)
            await business.wakeups.wake(topic_gateway(supply.gateway_id))
    return await supply_views(business, account)
