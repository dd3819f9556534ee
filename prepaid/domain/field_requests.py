"""What somebody asks of a bus, and what its owner answers. Relays are never asked for: they follow the wanted state.

All are reads but one, which writes a setting. That one is taken once and never handed to another owner, so no layer
writes it twice (S5).

A gateway has a few places for requests; each request takes one until it is withdrawn or its time is over, so the queue
has an end and nothing has to be cleaned up after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown

PLACES = 8
"""Requests that a gateway holds at once: the first place is for a scan, which is long, the others for what is short."""
SCAN_UNITS_MAX = 32
SCAN_PROFILES_MAX = 8
LAST_UNIT = 247


class FieldState(StrEnum):
    """How far it is."""

    ASKED = "asked"
    TAKEN = "taken"
    ANSWERED = "answered"
    FAILED = "failed"


class FieldKind(StrEnum):
    """What is asked."""

    READ = "read"
    SCAN = "scan"
    COMMISSION = "commission"
    SETTINGS = "settings"
    """All settings that the model names, as they are."""
    SET = "set"
    """The one request that writes."""

    @property
    def open_states(self) -> tuple[FieldState, ...]:
        """In which an owner may take it: what an owner before it took is asked again, a write never."""
        return (FieldState.ASKED,) if self is FieldKind.SET else (FieldState.ASKED, FieldState.TAKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One device as it answered. `figures` by the names of the profile's measures, in their integer units."""

    unit: int
    profile: str
    serial: str | None = None
    relay_on: bool | None = None
    switches: bool = False
    figures: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    """Checks that it did not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a meter: `value` in `unit`, None where the device gives no number; what may be written."""

    name: str
    value: int | None
    unit: str = ""
    low: int = 0
    high: int = 0
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRequest:
    """One request. `id` names the place it has, `number` the request itself."""

    id: str
    number: str
    gateway_id: str
    kind: FieldKind
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    meter_id: str = ""
    first_unit: int = 1
    last_unit: int = 1
    profiles: tuple[str, ...] = ()
    setting: str = ""
    value: int = 0
    """What a `SET` writes, in the setting's unit."""
    serial: str = ""
    """The number that is bound: a setting is written to no other device."""
    state: FieldState = FieldState.ASKED
    taken_by: str = ""
    seen: tuple[Seen, ...] = ()
    settings: tuple[Setting, ...] = ()
    through: int = 0
    """The last address that was asked: a scan whose time is over says how far it came."""
    trouble: str = ""
    """Text key of what went wrong."""
    trouble_params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the owner of the bus says."""

    seen: tuple[Seen, ...] = ()
    settings: tuple[Setting, ...] = ()
    through: int = 0
    trouble: Trouble | None = None


def places_for(kind: FieldKind) -> range:
    """Where a request may stand."""
    return range(1) if kind is FieldKind.SCAN else range(1, PLACES)


def check_scan(first: int, last: int, profiles: tuple[str, ...]) -> None:
    """Raises `Refused` for addresses that there are not, or more than one request may ask."""
    if not 1 <= first <= last <= LAST_UNIT or last - first >= SCAN_UNITS_MAX:
        raise Refused("refused.scan_units", most=SCAN_UNITS_MAX)
    if not 1 <= len(profiles) <= SCAN_PROFILES_MAX:
        raise Refused("refused.scan_profiles", most=SCAN_PROFILES_MAX)


def check_setting(settings: Iterable[Setting], name: str, value: int) -> Setting:
    """The setting as it is, if it may be given this value; raises `Refused` otherwise."""
    known = {setting.name: setting for setting in settings}
    setting = known.get(name)
    if setting is None:
        raise Refused("refused.no_such_setting", name=name, known=", ".join(known) or "-")
    if not setting.writable:
        raise Refused("refused.setting_read_only", name=name)
    if not setting.low <= value <= setting.high:
        raise Refused("refused.setting_range", name=name, low=setting.low, high=setting.high, unit=setting.unit or "-")
    return setting


_KINDS: Mapping[str, type[Trouble]] = {"refused": Refused, "unknown": Unknown}


def answered(request: FieldRequest) -> bool:
    """Whether the answer is there. Raises what went wrong on the bus; `Unknown` only where a write may have left."""
    if request.state is FieldState.FAILED:
        kind = _KINDS.get(request.trouble.partition(".")[0], TryAgain)
        if kind is Unknown and request.kind is not FieldKind.SET:
            kind = TryAgain
        raise kind(request.trouble, **request.trouble_params)
    return request.state is FieldState.ANSWERED
