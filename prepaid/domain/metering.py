"""Cumulative registers into billable intervals; the implausible is quarantined: never billed, no reason to cut.

Energy is integer Wh. A meter's watermark says up to which register value and instant it is billed, so intervals are
contiguous and never overlap (M11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from prepaid.domain.tariffs.own_registers import agree, comparable, unwrapped
from prepaid.domain.tariffs.plan import Utility

SLACK_WH = 50
"""A register step and a late clock may make one interval look this much too large."""
OVERLOAD_FACTOR = 1.5
"""A meter passes more than its rated current for a while before its fuse trips."""
DECIMALS_FROM = 10
"""Changed decimals are recognised once the register shows this many times what could have passed meanwhile."""
DECIMALS_MOST = 3
"""Places by which a decimal point moves in the field."""
EMPTY_ROOM_MOST: Mapping[Utility, int] = {Utility.ELECTRICITY: 1_000, Utility.WATER: 100}
"""Wh and litres that pass in a room that nobody rents before anybody is told: somebody cleans, shows it, paints it."""


class Doubt(StrEnum):
    """Why a reading is held (S10)."""

    BACKWARDS = "doubt.backwards"
    TOO_FAST = "doubt.too_fast"
    OUT_OF_ORDER = "doubt.out_of_order"
    WRONG_METER = "doubt.wrong_meter"
    """Another serial number answered: the meter at this place was replaced."""
    ROLLED_OVER = "doubt.rolled_over"
    RESET = "doubt.reset"
    DECIMALS = "doubt.decimals"
    BANDS = "doubt.bands"
    """The registers by band and the total tell different stories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one meter said at one instant (server's receive time, UTC).

    `energy_wh` is the meter's own register until the reading is judged; from then on it is the supply's total, which
    goes on across roll-over, reset and replacement.
    """

    meter_id: str
    at: datetime
    energy_wh: int
    relay_on: bool | None = None
    power_w: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    serial: str | None = None
    """The number that the device itself gave, where the model tells one."""
    bands: Mapping[str, int] | None = None
    """The device's own registers by band in Wh, where the model has them: keys are values of `tariffs.Band`.

    All of them in every reading or none, and read together with the total, which they must add up to.
    """
    alarms: tuple[str, ...] = ()
    """What the device complains of, by the names of `meters.parts.AlarmKind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Billed up to here, and what pricing goes on from (`prepaid.domain.tariffs.Carry`).

    `period_wh` runs from the start of the site's month `period`, `year_wh` from that of the step year `year`;
    `exact_nano` and `charged_micro` are what was priced and charged since billing began.
    """

    at: datetime
    energy_wh: int
    period: str
    period_wh: int = 0
    charged_micro: int = 0
    exact_nano: int | None = None
    """None in rows from before exact costs were kept."""
    year: str = ""
    year_wh: int = 0
    bands: Mapping[str, int] | None = None
    """The meter's own band registers, where it has them."""
    on_account: bool = False
    """The counters are the account's, as they were behind this interval. False in rows from before: the meter's own,
    which the account's chain takes over with the next interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """What only some transports need; the fields of the others stay empty."""

    device: str = ""
    """Serial port of "serial", as "/dev/ttyUSB0"."""
    form: str = "8N1"
    """Data bits, parity and stop bits of "serial"."""
    ca_file: str = ""
    """Of "tls": who must have signed the gateway's certificate. PEM, as the next two."""
    certificate_file: str = ""
    key_file: str = ""
    server_name: str = ""
    """Of "tls": the name in the gateway's certificate; empty, its host."""
    caller_id: str = ""
    """What a unit that dials in calls itself; empty, the gateway's own id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A communication unit: one bus, one owner at a time."""

    id: str
    site_id: str
    transport: str
    """"tcp" (Modbus TCP), "tls" (Modbus/TCP Security), "rtu_tcp" (transparent serial server), "serial", "dial_in"
    (a DTU that calls us) or "acrel_4g" (a meter with its own modem, in Acrel's envelope)."""
    host: str = ""
    port: int = 0
    """0 is the usual port of the transport."""
    baud: int = 9600
    options: LinkOptions = field(default_factory=LinkOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One meter at its place, as commissioned."""

    id: str
    site_id: str
    path: str
    gateway_id: str
    unit: int
    profile: str
    account_id: str | None = None
    utility: Utility = Utility.ELECTRICITY
    """Water is counted in litres wherever a name says `wh`."""
    serial: str | None = None
    has_relay: bool = True
    board: str = ""
    """The relay board that switches this meter, by the name of its profile; "" where the meter has its own."""
    board_unit: int = 0
    """The board's address on the same bus."""
    board_channel: int = 0
    """The relay on it, as printed there."""
    rated_current_a: int = 60
    mains_voltage_v: int = 230
    load_scale: int = 1
    """1 in real life. A demonstration runs its loads this much faster; plausibility is judged in the meter's time."""
    watermark: Watermark | None = None
    last: Reading | None = None
    held: int = 0
    """Readings held in a row; 0 after a plausible one."""
    fresh_run: int = 0
    """Plausible readings in a row, for the rule that two consistent ones precede a cut."""
    poll_every_s: int = 60
    silent_since: datetime | None = None
    register_wraps_wh: int | None = None
    """The register shows 0 again when this many Wh are reached; None where it is not known."""
    register_epoch: int = 0
    """How many times an admin decided how the register goes on. Effects of an older epoch change nothing."""
    offset_wh: int = 0
    """The supply's total is the register and this: it makes one line of what several registers counted."""
    register_exponent: int = 0
    """The register counts ten to this power of what its profile says: decimals changed in the field."""
    doubt: Doubt | None = None
    """Why the latest readings are held."""
    doubted: Reading | None = None
    """The latest of them, as the register said it."""
    vacant_wh: int | None = None
    """The supply's total when its tenant left, until there is another. None for a meter that never had one: a main
    meter, the light of a staircase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Energy and money of one hour or day, for a chart."""

    start: datetime
    energy_wh: int
    amount_micro: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading and what is wrong with it, if anything. `again`: it goes on from the one that is held already."""

    reading: Reading
    doubt: Doubt | None = None
    again: bool = False


def new_alarms(meter: Meter, reading: Reading) -> tuple[str, ...]:
    """What the reading complains of and the meter's last one did not."""
    known = meter.last.alarms if meter.last is not None else ()
    return tuple(alarm for alarm in reading.alarms if alarm not in known)


def begins_use_while_empty(meter: Meter, reading: Reading) -> bool:
    """Whether, since its tenant left, more was used by this reading than a leak of current or a test explains (M7)."""
    if meter.account_id is not None or meter.vacant_wh is None:
        return False
    most = meter.vacant_wh + EMPTY_ROOM_MOST[meter.utility]
    return reading.energy_wh > most and (meter.last is None or meter.last.energy_wh <= most)


def total_wh(meter: Meter, register_wh: int) -> int:
    """The supply's total when the meter's register shows this."""
    return rescaled(register_wh, meter.register_exponent) + meter.offset_wh


def rescaled(register_wh: int, exponent: int) -> int:
    """A register times ten to the power of `exponent`, rounded down."""
    power = int(10 ** abs(exponent))
    return register_wh * power if exponent >= 0 else register_wh // power


def judge(meter: Meter, reading: Reading) -> Judged:
    """Whether `reading` can follow the last one; if it can, as the supply's total, else as it came.

    While readings are held, one that goes on from them is held too: time alone never makes a jump plausible, because
    it is for an admin to say what the register did (S10).
    """
    last = meter.last
    if last is not None and reading.at < last.at:
        return Judged(reading, Doubt.OUT_OF_ORDER)
    if meter.doubt not in {None, Doubt.BANDS} and _goes_on_in_doubt(meter, reading):
        return Judged(reading, meter.doubt, again=True)
    if meter.serial and reading.serial and meter.serial != reading.serial:
        return Judged(reading, Doubt.WRONG_METER)
    total = total_wh(meter, reading.energy_wh)
    bands = _bands(meter, reading)
    doubt = None if last is None else _doubt(meter, last, total, reading.at) or _band_doubt(meter, last, total, bands)
    if doubt is not None:
        return Judged(reading, doubt, again=doubt is Doubt.BANDS and meter.doubt is doubt)
    return Judged(replace(reading, energy_wh=total, bands=bands))


def _bands(meter: Meter, reading: Reading) -> Mapping[str, int] | None:
    """The band registers in the digits of today."""
    if reading.bands is None or meter.register_exponent == 0:
        return reading.bands
    return {band: rescaled(wh, meter.register_exponent) for band, wh in reading.bands.items()}


def _band_doubt(meter: Meter, last: Reading, total: int, bands: Mapping[str, int] | None) -> Doubt | None:
    """Registers by band that do not add up to what the total grew by are for an admin to look at, not to bill."""
    after = unwrapped(last.bands, bands, meter.register_wraps_wh)
    if last.bands is None or after is None or not comparable(last.bands, after):
        return None
    return None if agree(last.bands, after, total - last.energy_wh) else Doubt.BANDS


def _goes_on_in_doubt(meter: Meter, reading: Reading) -> bool:
    held = meter.doubted
    if held is None:
        return False
    if meter.doubt is Doubt.WRONG_METER:
        return reading.serial in {None, held.serial}  # Only the bound serial number itself ends this doubt.
    grown = rescaled(reading.energy_wh - held.energy_wh, meter.register_exponent)
    in_doubt = 10**DECIMALS_MOST if meter.doubt is Doubt.DECIMALS else 1
    return 0 <= grown <= most_wh(meter, held.at, reading.at) * in_doubt


def _doubt(meter: Meter, last: Reading, total: int, at: datetime) -> Doubt | None:
    most = most_wh(meter, last.at, at)
    grown = total - last.energy_wh
    if 0 <= grown <= most:
        return None
    if decimals_moved(meter, last, total, most):
        return Doubt.DECIMALS
    if grown > most:
        return Doubt.TOO_FAST
    if meter.register_wraps_wh and 0 <= grown + meter.register_wraps_wh <= most:
        return Doubt.ROLLED_OVER
    return Doubt.RESET if total - meter.offset_wh <= most else Doubt.BACKWARDS


def decimals_moved(meter: Meter, last: Reading, total: int, most: int) -> int:
    """The power of ten that makes `total` follow `last`, if there is one; 0 if not.

    Of a register that is nearly zero anything could be said, so nothing is.
    """
    register, shown = last.energy_wh - meter.offset_wh, total - meter.offset_wh
    if register <= DECIMALS_FROM * most:
        return 0
    exponents: tuple[int, ...] = (*range(1, DECIMALS_MOST + 1), *range(-1, -DECIMALS_MOST - 1, -1))
    for exponent in exponents:
        # A register that lost digits says less than it did: up to one of its new steps is rounded away.
        lost = rescaled(1, exponent) - 1 if exponent > 0 else 0
        if -lost <= rescaled(shown, exponent) - register <= most:
            return exponent
    return 0


def most_wh(meter: Meter, since: datetime, until: datetime) -> int:
    """The most energy that can have passed between two instants, in Wh."""
    seconds = max(1.0, (until - since).total_seconds())
    watts = meter.rated_current_a * meter.mains_voltage_v * OVERLOAD_FACTOR * meter.load_scale
    return int(watts * seconds / 3600) + SLACK_WH * meter.load_scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The readings of one pass over a bus, settled together."""

    gateway_id: str
    readings: tuple[Reading, ...] = field(default_factory=tuple)
    silent: tuple[str, ...] = ()
    """Meters that did not answer in this pass."""
