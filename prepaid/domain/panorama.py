"""Sums over places: a room's meters and money, a building's rooms, a site's buildings, a jurisdiction's sites. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final

from prepaid.domain.tariffs import Utility


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

    def add(self, other: Tally, *, instead_of: Tally | None = None) -> None:
        """Counts another place in, perhaps instead of what was counted of it before."""
        before = instead_of or NONE
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name) - getattr(before, name))


NAMES = tuple(each.name for each in fields(Tally))
NONE: Final = Tally()


RoomRow = tuple[str, str, str, str, int, int, bool]
"""Account, path, label, utility, floor and level of the warning in micro-yuan, whether it is closed."""
PointRow = tuple[str, str, str, str | None, str, int | None, datetime | None]
"""Meter, path, gateway, account, utility, power in W, when that was read: in UTC without saying so."""
SupplyRow = tuple[bool, str, bool | None, bool, str]
"""Wanted on, the reason, what the relay says, whether it is stuck, the hold or ""."""
WATER: Final[str] = Utility.WATER.value
NOTHING: Final = (0, 0)


@dataclass(slots=True, kw_only=True, repr=False)
class Known:
    """What was read of meters and accounts, by their ids; perhaps of more than somebody may see."""

    supplies: dict[str, SupplyRow] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    silent: dict[str, datetime] = field(default_factory=dict)
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The end of an account's chain: its number and the balance in micro-yuan."""


@dataclass(slots=True, kw_only=True, repr=False)
class Building:
    """Everything below one place. Ten thousand rows cost little until somebody wants to look at them one by one."""

    path: str
    site_id: str
    known: Known = field(default_factory=Known)
    room_rows: list[RoomRow] = field(default_factory=list)
    point_rows: list[PointRow] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    _rooms: dict[str, Room] | None = None
    _points: dict[str, Point] | None = None
    _gateways: Counter[str] | None = None
    _gateway_of: dict[str, str] | None = None

    @property
    def rooms(self) -> dict[str, Room]:
        """By account, made at the first need; from then on they are what holds."""
        if self._rooms is None:
            self._rooms = {row[0]: _room(row, self.known) for row in self.room_rows}
        return self._rooms

    @property
    def points(self) -> dict[str, Point]:
        """By meter, likewise."""
        if self._points is None:
            self._points = {row[0]: _point(row, self.known) for row in self.point_rows}
        return self._points

    def gateway_of(self, meter_id: str) -> str:
        """The gateway of one of its meters; "" for another's."""
        if self._gateway_of is None:
            self._gateway_of = {row[0]: row[2] for row in self.point_rows}
        return self._gateway_of.get(meter_id, "")

    @property
    def gateways(self) -> Counter[str]:
        """How many of its meters each gateway has."""
        if self._gateways is None:
            self._gateways = Counter(row[2] for row in self.point_rows)
        return self._gateways

    def count(self, stale: datetime) -> Tally:
        """Counts anew. What was read before `stale` says nothing about the power of this moment."""
        if self._rooms is None and self._points is None:
            self.tally = tally_of_rows(self.room_rows, self.point_rows, self.known, stale)
        else:
            self.tally = tally(self.rooms.values(), self.points.values(), stale)
        return self.tally


def _room(row: RoomRow, known: Known) -> Room:
    account_id, path, label, utility, floor_micro, warn_micro, closed = row
    seq, balance_micro = known.ends.get(account_id, NOTHING)
    return Room(
        account_id=account_id,
        path=path,
        label=label,
        utility=utility,
        floor_micro=floor_micro,
        warn_micro=warn_micro,
        closed=closed,
        balance_micro=balance_micro,
        seq=seq,
    )


def _point(row: PointRow, known: Known) -> Point:
    meter_id, path, gateway_id, account_id, utility, power_w, read_at = row
    found = Point(
        meter_id=meter_id,
        path=path,
        gateway_id=gateway_id,
        account_id=account_id,
        water=utility == WATER,
        power_w=power_w or 0,
        read_at=None if read_at is None else read_at.replace(tzinfo=UTC),
        used=max(0, known.used.get(meter_id, 0)),
        silent_since=known.silent.get(meter_id),
    )
    supply = known.supplies.get(meter_id)
    if supply is not None:
        found.has_supply = True
        found.wanted_on, found.reason, found.on, found.stuck, found.hold = supply
    return found


def tally_of_rows(rooms: Iterable[RoomRow], points: Iterable[PointRow], known: Known, stale: datetime) -> Tally:
    """What `tally` says of the same rooms and meters, without making any of them."""
    dark: set[str | None] = set()
    found = _count_points(points, known, stale.replace(tzinfo=None), dark)
    balance_micro = arrears_micro = 0
    ends = known.ends
    for account_id, _, _, _, _, warn_micro, closed in rooms:
        if closed:
            continue
        found.rooms += 1
        balance = ends.get(account_id, NOTHING)[1]
        if balance < 0:
            found.debtors += 1
            arrears_micro -= balance
        else:
            balance_micro += balance
        if balance <= warn_micro and account_id not in dark:
            found.warned += 1
    found.balance_micro, found.arrears_micro = balance_micro, arrears_micro
    return found


def _count_points(points: Iterable[PointRow], known: Known, stale: datetime, dark: set[str | None]) -> Tally:
    """The sums of some meters; accounts with a supply that is off are put among the `dark`."""
    found, supplies, used, silent = Tally(), known.supplies, known.used, known.silent
    power_w = used_wh = on = 0
    for meter_id, _, _, account_id, utility, power, read_at in points:
        found.meters += 1
        amount = max(0, used.get(meter_id, 0))
        if utility == WATER:
            found.used_l += amount
        else:
            used_wh += amount
            power_w += power if power and read_at is not None and read_at >= stale else 0
        found.silent += meter_id in silent
        supply = supplies.get(meter_id)
        if supply is None:
            continue
        _, _, is_on, stuck, _ = supply
        found.stuck += stuck
        if is_on:
            on += 1
        elif is_on is None:
            found.unknown += 1
        else:
            found.off += 1
            dark.add(account_id)
    found.power_w, found.used_wh, found.on = power_w, used_wh, on
    return found


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
