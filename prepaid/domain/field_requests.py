"""What somebody asks of a bus, and what its owner answers. Never a write: relays follow the wanted state alone.

A gateway has a few places for requests; each request takes one until it is withdrawn or its time is over, so the queue
has an end and nothing has to be cleaned up after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from prepaid.domain.errors import Refused, Trouble, TryAgain

PLACES = 8
"""Requests that a gateway holds at once: the first place is for a scan, which is long, the others for what is short."""
SCAN_UNITS_MAX = 32
SCAN_PROFILES_MAX = 8
LAST_UNIT = 247


class FieldKind(StrEnum):
    """What is asked."""

    READ = "read"
    SCAN = "scan"
    COMMISSION = "commission"


class FieldState(StrEnum):
    """How far it is."""

    ASKED = "asked"
    TAKEN = "taken"
    ANSWERED = "answered"
    FAILED = "failed"


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
    state: FieldState = FieldState.ASKED
    taken_by: str = ""
    seen: tuple[Seen, ...] = ()
    through: int = 0
    """The last address that was asked: a scan whose time is over says how far it came."""
    trouble: str = ""
    """Text key of what went wrong."""
    trouble_params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the owner of the bus says."""

    seen: tuple[Seen, ...] = ()
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


def answered(request: FieldRequest) -> bool:
    """Whether the answer is there. Raises what went wrong on the bus: only reads were sent."""
    if request.state is FieldState.FAILED:
        kind: type[Trouble] = Refused if request.trouble.startswith("refused.") else TryAgain
        raise kind(request.trouble, **request.trouble_params)
    return request.state is FieldState.ANSWERED
