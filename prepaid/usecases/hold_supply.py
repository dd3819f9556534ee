"""An admin protects a supply, tags it for maintenance, or releases it."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.supply import Hold, HoldKind
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.authorize import intent, reach_account
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.supply_views import supply_views
from prepaid.usecases.views import SupplyView


async def hold_supply(
    business: Business,
    actor: Actor,
    account_id: str,
    *,
    kind: HoldKind | None,
    why: str,
    until: datetime | None = None,
) -> tuple[SupplyView, ...]:
    """Sets or clears (None) the hold on every meter of the account, and decides anew at once."""
    account = await reach_account(business, actor, account_id, Action.HOLD_SUPPLY)
    if until is not None and until <= business.clock.now():
        raise Refused("refused.hold_past")
    hold = Hold(kind=kind, by=actor.id, why=why, until=until) if kind is not None else None
    supplies = await business.store.supplies.of_account(account.id)
    async with intent(business, actor, "hold_supply", account.path, reason=why, after=kind or "released"):
        for supply in supplies:
            await business.store.supplies.hold(supply.meter_id, hold)
    await decide_supply(business, account.id)
    for supply in supplies:
        await business.wakeups.wake(topic_gateway(supply.gateway_id))
    return await supply_views(business, account)
