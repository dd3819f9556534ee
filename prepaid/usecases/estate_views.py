"""One place of an estate as a page shows it: its sums, its parts, and the way back up. Reads nothing."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from prepaid.domain.accounts import Site
from prepaid.domain.errors import not_found
from prepaid.domain.panorama import Building, Point, Room, Tally, building_of, tally
from prepaid.usecases.estate import POWER_FRESH, Estate

LINES_A_PAGE: Final = 100


class Level(StrEnum):
    """How far down a place lies."""

    ALL = "all"
    SITE = "site"
    BUILDING = "building"
    ROOM = "room"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLine:
    """A place in a list."""

    path: str
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLine:
    """A room in a list: one place, its wallets and its meters."""

    path: str
    label: str
    wallets: tuple[Room, ...]
    points: tuple[Point, ...]

    @property
    def balance_micro(self) -> int:
        """All wallets together."""
        return sum(each.balance_micro for each in self.wallets)

    @property
    def used_wh(self) -> int:
        """Electricity since midnight."""
        return sum(each.used for each in self.points if not each.water)

    @property
    def used_l(self) -> int:
        """Water since midnight."""
        return sum(each.used for each in self.points if each.water)

    @property
    def rule(self) -> str:
        """Why it is dark, if it is."""
        return next((each.reason for each in self.points if each.on is False), "")

    @property
    def state(self) -> str:
        """The worst of its supplies, by the name of its text."""
        supplies = [each for each in self.points if each.has_supply]
        if any(each.stuck for each in supplies):
            return "stuck"
        if any(each.silent_since is not None for each in self.points):
            return "silent"
        if any(each.on is False for each in supplies):
            return "off"
        if not supplies:
            return "none"
        return "unknown" if any(each.on is None for each in supplies) else "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """One place. `buildings` are those that its trend is added up from; empty for a room."""

    level: Level
    path: str
    name: str
    sites: tuple[Site, ...]
    way: tuple[PlaceLine, ...]
    """The places above it, the highest first."""
    tally: Tally
    places: tuple[PlaceLine, ...]
    rooms: tuple[RoomLine, ...]
    buildings: tuple[str, ...]


def place_view(estate: Estate, path: str) -> PlaceView:
    """The place; "" is everything. Raises `Refused("refused.not_found")` for one out of reach or not there, alike (A2).

    Somebody with one site begins there.
    """
    if not path:
        return _site(estate, next(iter(estate.sites.values()))) if len(estate.sites) == 1 else _all(estate)
    for site in estate.sites.values():
        if path == site.path:
            return _site(estate, site)
        if path.startswith(f"{site.path}/"):
            return _below(estate, site, path)
    raise not_found()


def name_of(path: str) -> str:
    """A place as its path calls it."""
    return path.rsplit("/", 1)[-1]


def room_lines(building: Building, *, only: Container[str] | None = None) -> tuple[RoomLine, ...]:
    """Its rooms, or some, those that owe most first; places with a meter and no account last."""
    rooms: dict[str, tuple[list[Room], list[Point]]] = {}
    for room in building.rooms.values():
        if not room.closed and (only is None or room.path in only):
            rooms.setdefault(room.path, ([], []))[0].append(room)
    for point in building.points.values():
        if only is None or point.path in only:
            rooms.setdefault(point.path, ([], []))[1].append(point)
    lines = [_line(path, wallets, points) for path, (wallets, points) in rooms.items()]
    return tuple(sorted(lines, key=lambda each: (not each.wallets, each.balance_micro, each.path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """A gateway none of whose `meters` in the place answers, or a meter that does not; `path` is a meter's."""

    gateway_id: str
    """ "" for a single meter."""
    meter_id: str
    path: str
    meters: int
    since: datetime


def silent_places(estate: Estate, view: PlaceView) -> tuple[Down, ...]:
    """Gateways first, then single meters, those first that are silent for longest. Looks at the silent ones alone."""
    inside = frozenset(view.buildings)
    silent: dict[str, list[Down]] = {}
    for site in view.sites:
        for meter_id, since in estate.silent.get(site.id, {}).items():
            building = estate.of_meter(meter_id)
            if building is not None and (building.path in inside or estate.meter_paths[meter_id] == view.path):
                gateway_id = building.gateway_of(meter_id)
                one = Down(gateway_id="", meter_id=meter_id, path=estate.meter_paths[meter_id], meters=1, since=since)
                silent.setdefault(gateway_id, []).append(one)
    down: list[Down] = []
    for gateway_id, meters in silent.items():
        if len(meters) > 1 and len(meters) == sum(estate.buildings[each].gateways[gateway_id] for each in inside):
            since = min(each.since for each in meters)
            down.append(replace(meters[0], gateway_id=gateway_id, meters=len(meters), since=since))
        else:
            down += meters
    return tuple(sorted(down, key=lambda each: (not each.gateway_id, each.since)))


def _all(estate: Estate) -> PlaceView:
    sites = sorted(estate.sites.values(), key=lambda each: each.name)
    return PlaceView(
        level=Level.ALL,
        path="",
        name="",
        sites=tuple(sites),
        way=(),
        tally=estate.total,
        places=tuple(PlaceLine(path=each.path, name=each.name, tally=estate.of_site[each.id]) for each in sites),
        rooms=(),
        buildings=tuple(estate.buildings),
    )


def _site(estate: Estate, site: Site) -> PlaceView:
    inside = [each for each in estate.buildings.values() if each.site_id == site.id]
    direct = estate.buildings.get(site.path)
    return PlaceView(
        level=Level.SITE,
        path=site.path,
        name=site.name,
        sites=(site,),
        way=_top(estate),
        tally=estate.of_site[site.id],
        places=tuple(
            PlaceLine(path=each.path, name=name_of(each.path), tally=each.tally)
            for each in sorted(inside, key=lambda one: one.path)
            if each is not direct
        ),
        rooms=room_lines(direct) if direct is not None else (),
        buildings=tuple(each.path for each in inside),
    )


def _below(estate: Estate, site: Site, path: str) -> PlaceView:
    building = estate.buildings.get(path)
    if building is None:
        return _room(estate, site, path)
    return PlaceView(
        level=Level.BUILDING,
        path=path,
        name=name_of(path),
        sites=(site,),
        way=(*_top(estate), _of_site(estate, site)),
        tally=building.tally,
        places=(),
        rooms=room_lines(building),
        buildings=(path,),
    )


def _room(estate: Estate, site: Site, path: str) -> PlaceView:
    building = estate.buildings.get(building_of(site.path, path))
    lines = room_lines(building, only={path}) if building is not None else ()
    if building is None or not lines:
        raise not_found()
    line = lines[0]
    above = PlaceLine(path=building.path, name=name_of(building.path), tally=building.tally)
    return PlaceView(
        level=Level.ROOM,
        path=path,
        name=line.label,
        sites=(site,),
        way=(*_top(estate), _of_site(estate, site), *((above,) if building.path != site.path else ())),
        tally=tally(line.wallets, line.points, estate.at - POWER_FRESH),
        places=(),
        rooms=(line,),
        buildings=(),
    )


def _top(estate: Estate) -> tuple[PlaceLine, ...]:
    return (PlaceLine(path="", name="", tally=estate.total),) if len(estate.sites) > 1 else ()


def _of_site(estate: Estate, site: Site) -> PlaceLine:
    return PlaceLine(path=site.path, name=site.name, tally=estate.of_site[site.id])


def _line(path: str, wallets: list[Room], points: list[Point]) -> RoomLine:
    label = wallets[0].label if wallets else name_of(path)
    return RoomLine(path=path, label=label, wallets=tuple(wallets), points=tuple(points))
