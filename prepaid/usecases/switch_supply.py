"""An admin cuts or restores a supply by hand."""

from __future__ import annotations

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.supply import HoldKind, Supply, Wanted
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.authorize import intent, reach_account
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.supply_views import live_hold, supply_views
from prepaid.usecases.views import SupplyView

log = structlog.get_logger()


async def switch_supply(
    business: Business, actor: Actor, account_id: str, *, on: bool, reason: str
) -> tuple[SupplyView, ...]:
    """Sets what an admin wants for every meter of the account.

    A cut by hand stays until somebody restores by hand; a restore hands the supply back to the balance's rule.
    Raises `Refused` under a maintenance tag (on) or for a protected supply (off) (S12).
    """
    account = await reach_account(business, actor, account_id, Action.SWITCH_SUPPLY)
    supplies = await business.store.supplies.of_account(account.id)
    for supply in supplies:
        _check_hold(business, supply, on=on)
    if account.protected and not on:
        raise Refused("refused.protected_supply", why="rule.protected_customer")  # Two persons may: `force_cut`.
    before, after = ("off", "on") if on else ("on", "off")
    async with intent(business, actor, "switch_supply", account.path, reason=reason, before=before, after=after):
        for supply in supplies:
            await _want(business, actor, supply, on=on)
    if on:
        await decide_supply(business, account.id)
    return await supply_views(business, account)


def _check_hold(business: Business, supply: Supply, *, on: bool) -> None:
    hold = live_hold(supply, business.clock.now())
    if hold is not None and on and hold.kind is HoldKind.OFF:
        raise Refused("refused.maintenance_lock", why=hold.why)
    if hold is not None and not on and hold.kind is HoldKind.ON:
        raise Refused("refused.protected_supply", why=hold.why)


async def _want(business: Business, actor: Actor, supply: Supply, *, on: bool) -> None:
    wanted = Wanted(
        on=on,
        generation=supply.wanted.generation + 1,
        reason="rule.restored_by_hand" if on else "rule.cut_by_hand",
        actor=actor.id,
        at=business.clock.now(),
        by_hand=not on,
    )
    if not await business.store.supplies.want(supply.meter_id, supply.wanted.generation, wanted):
        raise TryAgain("try_again.changed_meanwhile")
    log.info("supply_wanted", meter=supply.meter_id, on=on, rule=wanted.reason, generation=wanted.generation)
    await business.wakeups.wake(topic_gateway(supply.gateway_id))
