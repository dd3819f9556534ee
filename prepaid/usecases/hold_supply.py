"""An admin protects a supply, tags it for maintenance, or releases it."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.staff_requests import RequestState, Wish
from prepaid.domain.supply import Hold, HoldKind, Supply
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.authorize import intent, reach_account
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.staff_requests import end_requests
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
    untag: bool = False,
) -> tuple[SupplyView, ...]:
    """Sets or clears (None) the hold on every meter of the account, and decides anew at once.

    To protect is what a request for protection waits for.

    A maintenance tag stays until it is taken down on purpose (`untag`): somebody may have their hands on the wires
    (S12). Raises `Refused` where one hangs.
    """
    account = await reach_account(business, actor, account_id, Action.HOLD_SUPPLY)
    now = business.clock.now()
    if until is not None and until <= now:
        raise Refused("refused.hold_past")
    hold = Hold(kind=kind, by=actor.id, why=why, until=until) if kind is not None else None
    supplies = await business.store.supplies.of_account(account.id)
    async with intent(business, actor, "hold_supply", account.path, reason=why, after=kind or "released"):
        if not untag and kind is not HoldKind.OFF and any(_tagged(supply, now) for supply in supplies):
            raise Refused("refused.tagged")
        for supply in supplies:
            if not await business.store.supplies.hold(supply.meter_id, hold, at=now, over_tag=untag):
                raise Refused("refused.tagged")
    await decide_supply(business, account.id)
    for supply in supplies:
        await business.wakeups.wake(topic_gateway(supply.gateway_id))
    if kind is HoldKind.ON:
        await end_requests(business, actor, account.id, RequestState.DONE, wish=Wish.PROTECTION)
    return await supply_views(business, account)


def _tagged(supply: Supply, now: datetime) -> bool:
    hold = supply.hold
    return hold is not None and hold.kind is HoldKind.OFF and (hold.until is None or now < hold.until)
