"""Cumulative registers into billable intervals; the implausible is quarantined: never billed, no reason to cut.

Energy is integer Wh. A meter's watermark says up to which register value and instant it is billed, so intervals are
contiguous and never overlap (M11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SLACK_WH = 50
"""A register step and a late clock may make one interval look this much too large."""
OVERLOAD_FACTOR = 1.5
"""A meter passes more than its rated current for a while before its fuse trips."""


class Doubt(StrEnum):
    """Why a reading is held (S10)."""

    BACKWARDS = "doubt.backwards"
    TOO_FAST = "doubt.too_fast"
    OUT_OF_ORDER = "doubt.out_of_order"
    WRONG_METER = "doubt.wrong_meter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one meter said at one instant (server's receive time, UTC)."""

    meter_id: str
    at: datetime
    energy_wh: int
    relay_on: bool | None = None
    power_w: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Billed up to here. `period_wh` and `charged_micro` run from the start of the billing period (site's month)."""

    at: datetime
    energy_wh: int
    period: str
    period_wh: int = 0
    charged_micro: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A communication unit: one bus, one owner at a time."""

    id: str
    site_id: str
    transport: str
    """"tcp" (Modbus TCP) or "rtu_tcp" (transparent serial server)."""
    host: str
    port: int
    baud: int = 9600


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
    serial: str | None = None
    has_relay: bool = True
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Energy and money of one hour or day, for a chart."""

    start: datetime
    energy_wh: int
    amount_micro: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading and what is wrong with it, if anything."""

    reading: Reading
    doubt: Doubt | None = None


def judge(meter: Meter, reading: Reading) -> Judged:
    """Whether `reading` can follow the last one: not older, not backwards, not faster than its rating allows."""
    last = meter.last
    if last is None:
        return Judged(reading)
    if reading.at < last.at:
        return Judged(reading, Doubt.OUT_OF_ORDER)
    if reading.energy_wh < last.energy_wh:
        return Judged(reading, Doubt.BACKWARDS)
    if reading.energy_wh - last.energy_wh > most_wh(meter, last.at, reading.at):
        return Judged(reading, Doubt.TOO_FAST)
    return Judged(reading)


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
