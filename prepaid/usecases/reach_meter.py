"""Finds the meter that an actor asks about, or refuses as for an account: foreign and missing answer alike (A1, A2)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.errors import not_found
from prepaid.domain.metering import Meter
from prepaid.ports import Business
from prepaid.usecases.authorize import record


async def reach_meter(business: Business, actor: Actor, meter_id: str, action: Action) -> Meter:
    """The meter, if the actor may do `action` to it; else `Refused("refused.not_found")`."""
    meter = await business.store.meters.get(meter_id)
    if meter is not None and may(actor, action, Subject(meter.path, meter.account_id)):
        return meter
    await record(business, actor, action, meter_id, refused="refused.not_found")
    raise not_found()
