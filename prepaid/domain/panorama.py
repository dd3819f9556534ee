"""Sums over places: a room's meters and money, a building's rooms, a site's buildings, a jurisdiction's sites. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime


@dataclass(slots=True, kw_only=True)
class Room:
    """One wallet. `warn_micro` is the balance from which on its people are warned."""

    account_id: str
    path: str
    label: str
    utility: str
    floor_micro: int
    warn_micro: int
    closed: bool
    balance_micro: int = 0
    seq: int = 0


@dataclass(slots=True, kw_only=True)
class Point:
    """One meter and its supply, if it has one. Power in W, `used` in Wh or litres since midnight."""

    meter_id: str
    path: str
    gateway_id: str
    account_id: str | None
    water: bool
    power_w: int
    read_at: datetime | None
    used: int = 0
    silent_since: datetime | None = None
    has_supply: bool = False
    on: bool | None = None
    wanted_on: bool = True
    reason: str = ""
    stuck: bool = False
    hold: str = ""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What adds up. Every field is a sum, so that the tally of a place is that of its parts."""

    rooms: int = 0
    meters: int = 0
    on: int = 0
    off: int = 0
    unknown: int = 0
    """Supplies whose relay has not said anything yet."""
    stuck: int = 0
    """Supplies that did not do what they were told."""
    warned: int = 0
    """Rooms with power whose balance is at or below the level of a warning."""
    silent: int = 0
    balance_micro: int = 0
    """What is paid and not used yet."""
    arrears_micro: int = 0
    """What is owed, a positive figure."""
    debtors: int = 0
    power_w: int = 0
    used_wh: int = 0
    used_l: int = 0

    def add(self, other: Tally) -> None:
        """Counts another place in."""
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NAMES = tuple(each.name for each in fields(Tally))


@dataclass(slots=True, kw_only=True)
class Building:
    """Everything below one place."""

    path: str
    site_id: str
    rooms: dict[str, Room] = field(default_factory=dict)
    """By account."""
    points: dict[str, Point] = field(default_factory=dict)
    """By meter."""
    tally: Tally = field(default_factory=Tally)

    def count(self, stale: datetime) -> Tally:
        """Counts anew. What was read before `stale` says nothing about the power of this moment."""
        self.tally = tally(self.rooms.values(), self.points.values(), stale)
        return self.tally


def tally(rooms: Iterable[Room], points: Iterable[Point], stale: datetime) -> Tally:
    """The sums of some rooms and their meters."""
    found, dark = Tally(), set()
    for point in points:
        found.meters += 1
        found.silent += point.silent_since is not None
        _count_use(found, point, stale)
        if point.has_supply:
            _count_supply(found, point)
            if point.on is False and point.account_id is not None:
                dark.add(point.account_id)
    for room in rooms:
        if not room.closed:
            _count_room(found, room, lit=room.account_id not in dark)
    return found


def _count_use(found: Tally, point: Point, stale: datetime) -> None:
    if point.water:
        found.used_l += point.used
        return
    found.used_wh += point.used
    if point.read_at is not None and point.read_at >= stale:
        found.power_w += point.power_w


def _count_supply(found: Tally, point: Point) -> None:
    found.stuck += point.stuck
    if point.on is None:
        found.unknown += 1
    elif point.on:
        found.on += 1
    else:
        found.off += 1


def _count_room(found: Tally, room: Room, *, lit: bool) -> None:
    found.rooms += 1
    if room.balance_micro < 0:
        found.debtors += 1
        found.arrears_micro -= room.balance_micro
    else:
        found.balance_micro += room.balance_micro
    found.warned += lit and room.balance_micro <= room.warn_micro


def building_of(site_path: str, path: str) -> str:
    """The building that a place lies in: the first part below its site; the site itself for what lies right below."""
    rest = path[len(site_path) + 1 :]
    first, slash, _ = rest.partition("/")
    return f"{site_path}/{first}" if slash else site_path
