"""Puts a meter's supply into the view that every door shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.accounts import Account
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Hold, Supply
from prepaid.ports import Business
from prepaid.usecases.views import SupplyView


async def supply_views(
    business: Business, account: Account, meters: Sequence[Meter] | None = None
) -> tuple[SupplyView, ...]:
    """The supplies of an account as they are now. Its meters are read, unless the caller has read them."""
    found = await business.store.meters.of_account(account.id) if meters is None else meters
    by_id = {meter.id: meter for meter in found}
    supplies = await business.store.supplies.of_account(account.id)
    now = business.clock.now()
    return tuple(view_of(by_id[supply.meter_id], supply, now) for supply in supplies if supply.meter_id in by_id)


def view_of(meter: Meter, supply: Supply, now: datetime) -> SupplyView:
    """One supply."""
    hold = live_hold(supply, now)
    return SupplyView(
        meter_id=supply.meter_id,
        on=supply.reported.on if supply.reported else None,
        wanted_on=supply.wanted.on,
        reason=supply.wanted.reason,
        outcome=supply.outcome,
        hold=hold.kind if hold else None,
        silent=meter.silent_since is not None,
        at=supply.reported.at if supply.reported else None,
    )


def live_hold(supply: Supply, now: datetime) -> Hold | None:
    """The hold in force, if any."""
    hold = supply.hold
    return hold if hold is not None and (hold.until is None or now < hold.until) else None
