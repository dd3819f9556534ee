"""An admin says what a doubtful register did. Until then it was neither billed nor a reason to cut (S10, M11)."""

from __future__ import annotations

from dataclasses import replace

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter
from prepaid.domain.registers import Decision, HeldReading, RegisterChange, continued
from prepaid.ports import Business
from prepaid.usecases.authorize import scopes
from prepaid.usecases.change_register import check_reason, commit_change
from prepaid.usecases.reach_meter import reach_meter

MOST_CASES = 200


async def held_readings(business: Business, actor: Actor) -> tuple[HeldReading, ...]:
    """The open cases within the actor's jurisdiction, with all that is needed to decide."""
    found: list[HeldReading] = []
    for scope in scopes(actor, Action.DECIDE_READING):
        found += await business.store.registers.open_below(scope, MOST_CASES)
    return tuple(found)


async def held_reading(business: Business, actor: Actor, meter_id: str) -> tuple[HeldReading, Meter]:
    """The open case of one meter, and the meter itself: its bound serial number, its register's width."""
    meter = await reach_meter(business, actor, meter_id, Action.DECIDE_READING)
    case = await business.store.registers.case(meter.id)
    if case is None:
        raise Refused("refused.no_held_reading")
    return case, meter


async def decide_held_reading(
    business: Business,
    actor: Actor,
    meter_id: str,
    decision: Decision,
    reason: str,
    *,
    wraps_wh: int | None = None,
) -> RegisterChange:
    """Ends the case of a meter; the next sweep bills on from there.

    A roll-over is billed to the watt-hour, and `wraps_wh` gives the register's width where the meter does not. The gap
    of a reset or a replacement is not billed: an estimate for it is an adjustment, with its own approval.
    Raises `Refused` when nothing is held or the readings contradict the decision, `TryAgain` when somebody else
    decided at the same moment.
    """
    check_reason(reason)
    meter = await reach_meter(business, actor, meter_id, Action.DECIDE_READING)
    case = await business.store.registers.case(meter.id)
    if case is None or meter.held == 0:
        raise Refused("refused.no_held_reading")
    change = _rejection(business, actor, meter, case, reason)
    if decision is not Decision.REJECT:
        change = _decided(change, meter, case, decision, wraps_wh)
    return await commit_change(business, change)


def _rejection(business: Business, actor: Actor, meter: Meter, case: HeldReading, reason: str) -> RegisterChange:
    """A change that changes nothing but the epoch."""
    return RegisterChange(
        meter_id=meter.id,
        epoch=meter.register_epoch + 1,
        decision=Decision.REJECT,
        at=business.clock.now(),
        actor=actor.id,
        reason=reason,
        case_id=case.id,
        before_offset_wh=meter.offset_wh,
        offset_wh=meter.offset_wh,
        exponent=meter.register_exponent,
        last=None,
        old_serial=meter.serial,
        serial=meter.serial,
        wraps_wh=meter.register_wraps_wh,
    )


def _decided(
    change: RegisterChange, meter: Meter, case: HeldReading, decision: Decision, wraps_wh: int | None
) -> RegisterChange:
    on = continued(meter, case, decision, wraps_wh=wraps_wh)
    replacement = decision is Decision.REPLACEMENT
    return replace(
        change,
        decision=decision,
        offset_wh=on.offset_wh,
        exponent=on.exponent,
        last=replace(case.first, energy_wh=on.total_wh, bands=None),  # Registers by band begin anew with the next.
        first_wh=case.first.energy_wh,
        serial=case.first.serial if replacement else meter.serial,
        wraps_wh=wraps_wh or meter.register_wraps_wh,
    )
