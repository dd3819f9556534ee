"""How a register goes on after it rolled over, was reset, changed its decimals, or gave way to another meter's.

A supply has one total for ever: `total = register * 10^exponent + offset`. A decision only changes exponent and offset,
so what is billed stays contiguous, and Σ billed Wh is the last total minus the first whatever the registers did (M11).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prepaid.domain.errors import Refused
from prepaid.domain.metering import Doubt, Meter, Reading, decimals_moved, most_wh, rescaled, total_wh

MOST_WRAP_WH = 10**15


class Decision(StrEnum):
    """What an admin says happened to a register."""

    ROLL_OVER = "roll_over"
    """It passed its highest figure: the wrap is billed exactly."""
    RESET = "reset"
    """It started anew: the supply goes on from the first reading seen, and the gap is not billed."""
    REPLACEMENT = "replacement"
    """Another device counts now: as a reset, and its serial number is the bound one."""
    RESCALE = "rescale"
    """Its decimals changed: the same energy in other digits."""
    ACCEPT = "accept"
    """It is right as it stands: the jump is billed."""
    REJECT = "reject"
    """The readings are wrong: nothing changes, and they stay held until the meter is right again."""


class CaseState(StrEnum):
    """Where a case of held readings stands."""

    OPEN = "open"
    DECIDED = "decided"
    REJECTED = "rejected"
    """The readings are wrong, and the meter still gives such; an admin may yet think otherwise."""
    PASSED = "passed"
    """The meter went on from its last good reading by itself: a disturbance, and nothing was ever billed of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReading:
    """A case: the first and latest doubtful readings of a meter in a row, and the good one before them."""

    id: str
    meter_id: str
    site_id: str
    path: str
    doubt: Doubt
    before: Reading | None
    """The last good reading, as the supply's total."""
    first: Reading
    """As the register said it."""
    latest: Reading
    count: int = 1
    state: CaseState = CaseState.OPEN
    decision: Decision | None = None
    decided_by: str = ""
    reason: str = ""
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterChange:
    """How a meter's register goes on from `epoch` on. Its row is the commit; applying it to the meter can be repeated.

    `last` is the reading that the next one must follow, as the supply's total; None leaves everything as it is.
    """

    meter_id: str
    epoch: int
    decision: Decision
    at: datetime
    actor: str
    reason: str
    case_id: str | None
    before_offset_wh: int
    offset_wh: int
    exponent: int
    last: Reading | None
    final_wh: int | None = None
    """The last register of the device that was taken down, as it showed it."""
    first_wh: int | None = None
    """The first register of what counts now."""
    old_serial: str | None = None
    serial: str | None = None
    old_profile: str = ""
    profile: str = ""
    wraps_wh: int | None = None
    applied: bool = False

    @property
    def id(self) -> str:
        """One change for each epoch of a meter."""
        return change_id(self.meter_id, self.epoch)


def change_id(meter_id: str, epoch: int) -> str:
    """The key of the change that begins an epoch."""
    return f"{meter_id}:{epoch}"


def case_id(meter_id: str, first: Reading) -> str:
    """The key of the case that begins with a reading."""
    return f"{meter_id}:{first.at.isoformat(timespec='milliseconds')}"


@dataclass(frozen=True, slots=True)
class Continued:
    """How the register goes on: what to add, how to scale, and the total at the first reading."""

    offset_wh: int
    exponent: int
    total_wh: int


def continued(meter: Meter, case: HeldReading, decision: Decision, *, wraps_wh: int | None = None) -> Continued:
    """What a decision makes of the case's first reading.

    Raises `Refused("refused.decision_does_not_fit")` if the total would fall or leap more than the
    decision explains, and `Refused("refused.no_register_width")` for a roll-over of a register of unknown width.
    """
    before, first = case.before, case.first.energy_wh
    if before is None or decision in {Decision.RESET, Decision.REPLACEMENT}:
        return _from_here(first, before.energy_wh if before else first, _exponent(meter, decision))
    if decision is Decision.RESCALE:
        return _rescale(meter, case, before)
    offset = meter.offset_wh
    if decision is Decision.ROLL_OVER:
        offset += _wrap(meter, wraps_wh)
    total = rescaled(first, meter.register_exponent) + offset
    if total < before.energy_wh:
        raise Refused("refused.decision_does_not_fit")
    if decision is Decision.ROLL_OVER and total - before.energy_wh > most_wh(meter, before.at, case.first.at):
        raise Refused("refused.decision_does_not_fit")
    return Continued(offset, meter.register_exponent, total)


def replaced(meter: Meter, final_wh: int | None, first_wh: int) -> Continued:
    """How the total goes on when another device takes over: from the old one's final register (or the last seen).

    Raises `Refused("refused.final_register")` for a final register below the last reading.
    """
    last = meter.last.energy_wh if meter.last else None
    final = total_wh(meter, final_wh) if final_wh is not None else last
    if final is None:
        return Continued(0, 0, first_wh)
    if last is not None and final < last:
        raise Refused("refused.final_register")
    return _from_here(first_wh, final, 0)


def _exponent(meter: Meter, decision: Decision) -> int:
    return 0 if decision is Decision.REPLACEMENT else meter.register_exponent


def _from_here(register_wh: int, total: int, exponent: int) -> Continued:
    return Continued(total - rescaled(register_wh, exponent), exponent, total)


def _wrap(meter: Meter, wraps_wh: int | None) -> int:
    wrap = wraps_wh or meter.register_wraps_wh
    if wrap is None or not 0 < wrap <= MOST_WRAP_WH:
        raise Refused("refused.no_register_width")
    return wrap


def _rescale(meter: Meter, case: HeldReading, before: Reading) -> Continued:
    """Other digits for the same energy. What rounding took away is given back, so that the total never falls."""
    most = most_wh(meter, before.at, case.first.at)
    moved = decimals_moved(meter, before, total_wh(meter, case.first.energy_wh), most)
    if moved == 0:
        raise Refused("refused.decision_does_not_fit")
    exponent = meter.register_exponent + moved
    register = rescaled(case.first.energy_wh, exponent)
    total = max(before.energy_wh, register + meter.offset_wh)
    return Continued(total - register, exponent, total)
