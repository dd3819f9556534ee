"""Another device takes over at the same place: the supply, its history, its steps and its generations go on (M11, S6).

A meter's id names the place, not the device. So nothing is created anew: the watermark with its step counters stays,
and so do the supply's generation numbers, which are never used twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter, Reading, most_wh, total_wh
from prepaid.domain.registers import Decision, RegisterChange, replaced
from prepaid.ports import Business
from prepaid.usecases.change_register import check_reason, commit_change
from prepaid.usecases.reach_meter import reach_meter


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """What counts from now on. `first_wh` is its register when it was put in."""

    serial: str | None
    first_wh: int
    profile: str = ""
    """Empty: the same model."""
    wraps_wh: int | None = None


async def replace_meter(
    business: Business, actor: Actor, meter_id: str, device: NewDevice, reason: str, *, final_wh: int | None = None
) -> RegisterChange:
    """Goes on with `device` from the old one's final register; without one (it is burnt), from its last reading.

    What lies between the last reading and the final register is billed with the next sweep. Raises `Refused` for a
    final register that the old meter cannot show, `TryAgain` when somebody else decided at the same moment.
    """
    check_reason(reason)
    if device.first_wh < 0 or (final_wh is not None and final_wh < 0):
        raise Refused("refused.final_register")
    meter = await reach_meter(business, actor, meter_id, Action.REPLACE_METER)
    _check_final(meter, final_wh, business.clock.now())
    on = replaced(meter, final_wh, device.first_wh)
    case = await business.store.registers.case(meter.id)
    now = business.clock.now()
    change = RegisterChange(
        meter_id=meter.id,
        epoch=meter.register_epoch + 1,
        decision=Decision.REPLACEMENT,
        at=now,
        actor=actor.id,
        reason=reason,
        case_id=case.id if case else None,
        before_offset_wh=meter.offset_wh,
        offset_wh=on.offset_wh,
        exponent=on.exponent,
        last=Reading(meter_id=meter.id, at=now, energy_wh=on.total_wh, serial=device.serial),
        final_wh=final_wh,
        first_wh=device.first_wh,
        old_serial=meter.serial,
        serial=device.serial,
        old_profile=meter.profile,
        profile=device.profile,
        wraps_wh=device.wraps_wh,
    )
    return await commit_change(business, change)


def _check_final(meter: Meter, final_wh: int | None, now: datetime) -> None:
    """A slip of the pen must not become a bill."""
    if final_wh is None or meter.last is None:
        return
    if total_wh(meter, final_wh) - meter.last.energy_wh > most_wh(meter, meter.last.at, now):
        raise Refused("refused.final_register")
