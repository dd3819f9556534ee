"""A jurisdiction in memory: read once in columns, then kept up to date by looking at what has changed (A2).

For people who look at much at once. Whoever sees one sees it through the roles that it was read with; whoever acts on
something looks again, through the use case for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import AccountStatus, Site
from prepaid.domain.errors import not_found
from prepaid.domain.panorama import Building, Point, Room, Tally, building_of
from prepaid.domain.supply import Outcome
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.ports.panorama import AccountColumns, BalanceColumns, MeterColumns, SupplyColumns
from prepaid.usecases.authorize import record, scopes

OVERLAP: Final = timedelta(seconds=15)
"""Other processes' clocks may be this far behind when they commit."""
CONFIRMED_WITHIN: Final = timedelta(minutes=15)
"""A relay that was told something is looked at for so long; what comes later is found by reading everything anew."""
POWER_FRESH: Final = timedelta(minutes=15)
STUCK: Final = frozenset({Outcome.UNCONFIRMED, Outcome.WAITING})


@dataclass(slots=True, kw_only=True, repr=False)
class Estate:
    """What somebody's roles reach, building by building. Too large to be written out wherever a task is named."""

    reach: tuple[str, ...]
    sites: dict[str, Site]
    at: datetime
    """When it was looked at last."""
    read_at: datetime
    """When it was read whole."""
    buildings: dict[str, Building] = field(default_factory=dict)
    of_account: dict[str, Building] = field(default_factory=dict)
    of_meter: dict[str, Building] = field(default_factory=dict)
    of_folder: dict[str, Building] = field(default_factory=dict)
    """By the place right above a room: the buildings that were found before."""
    of_site: dict[str, Tally] = field(default_factory=dict)
    silent: dict[str, Mapping[str, datetime]] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)
    version: int = 0
    """Grows with every change that a look has found."""

    def building(self, site: Site, path: str) -> Building:
        """The building of a place, made at the first need."""
        folder = path[: path.rfind("/")]
        found = self.of_folder.get(folder)
        if found is not None and path != site.path:
            return found
        where = building_of(site.path, path)
        found = self.buildings.get(where)
        if found is None:
            found = self.buildings[where] = Building(path=where, site_id=site.id)
        if path != site.path:
            self.of_folder[folder] = found
        return found

    def sees(self, path: str) -> bool:
        """Whether a place is in reach."""
        return any(covers(scope, path) for scope in self.reach)

    def count(self, changed: Iterable[Building]) -> None:
        """Counts some buildings anew, and with them their sites and the whole."""
        for building in changed:
            building.count(self.at - POWER_FRESH)
        self.of_site = {site_id: Tally() for site_id in self.sites}
        self.total = Tally()
        for building in self.buildings.values():
            self.of_site[building.site_id].add(building.tally)
        for tally in self.of_site.values():
            self.total.add(tally)


async def open_estate(business: Business, actor: Actor) -> Estate:
    """Everything in reach. Raises `Refused("refused.not_found")` for a person whose roles reach no site."""
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        await record(business, actor, Action.SEE_SITE, "overview", refused="refused.not_found")
        raise not_found()
    sites = {
        site.id: site
        for site in await business.store.sites.sites()
        if any(covers(scope, site.path) or covers(site.path, scope) for scope in reach)
    }
    now = business.clock.now()
    estate = Estate(reach=reach, sites=sites, at=now, read_at=now)
    for columns in await asyncio.gather(*(business.store.panorama.accounts(scope) for scope in reach)):
        _take_accounts(estate, columns)
    await asyncio.gather(*(_read_site(business, estate, site) for site in sites.values()))
    _take_balances(estate, await business.store.panorama.balances(list(estate.of_account)), None)
    _take_balances(estate, await business.store.panorama.entries_since(now - OVERLAP), None)
    await _read_day(business, estate)
    estate.count(estate.buildings.values())
    return estate


@dataclass(frozen=True, slots=True)
class Change:
    """A place below a building where something changed."""

    building: str
    path: str
    richer: bool = False
    """A balance rose."""


async def look(business: Business, estate: Estate) -> set[Change]:
    """Where something changed since the last look: money, supplies, meters that fell silent."""
    panorama, now = business.store.panorama, business.clock.now()
    changed: set[Change] = set()
    _take_balances(estate, await panorama.entries_since(estate.at - OVERLAP), changed)
    for site in estate.sites.values():
        lately = await panorama.supplies(site.id, changed_since=min(estate.at, now - CONFIRMED_WITHIN))
        _take_supplies(estate, lately, changed)
        changed |= _take_silent(estate, site, await panorama.silent(site.id))
    estate.at = now
    if changed:
        estate.version += 1
        estate.count(estate.buildings[path] for path in {each.building for each in changed})
    return changed


def day_start(site: Site, at: datetime) -> datetime:
    """Local midnight before `at`, in UTC, as readings are kept by it."""
    return site.calendar.midnight(site.calendar.local(at).date())


async def _read_site(business: Business, estate: Estate, site: Site) -> None:
    panorama = business.store.panorama
    meters, supplies, silent = await asyncio.gather(
        panorama.meters(site.id), panorama.supplies(site.id), panorama.silent(site.id)
    )
    _take_meters(estate, site, meters)
    _take_supplies(estate, supplies, None)
    _take_silent(estate, site, silent)


async def _read_day(business: Business, estate: Estate) -> None:
    """What was used since midnight, each site's own."""
    starts = {day_start(site, estate.at) for site in estate.sites.values()}
    for start in starts:
        columns = await business.store.panorama.running_day(start)
        for meter_id, used in zip(columns.meter_ids, columns.used, strict=True):
            building = estate.of_meter.get(meter_id)
            if building is not None:
                building.points[meter_id].used = max(0, used)


def _take_accounts(estate: Estate, columns: AccountColumns) -> None:
    for account_id, path, label, site_id, status, utility, aside, levels in zip(*columns, strict=True):
        site = estate.sites.get(site_id)
        if site is None:
            continue
        building = estate.building(site, path)
        warned_from = levels or site.policy.low_balance_micro
        building.rooms[account_id] = Room(
            account_id=account_id,
            path=path,
            label=label,
            utility=utility,
            floor_micro=-aside,
            warn_micro=max(warned_from[0] if warned_from else 0, -aside),
            closed=status == AccountStatus.CLOSED,
        )
        estate.of_account[account_id] = building


def _take_meters(estate: Estate, site: Site, columns: MeterColumns) -> None:
    whole = estate.sees(site.path)
    for meter_id, path, gateway_id, account_id, utility, power_w, read_at in zip(*columns, strict=True):
        if not whole and not estate.sees(path):
            continue
        building = estate.building(site, path)
        building.points[meter_id] = Point(
            meter_id=meter_id,
            path=path,
            gateway_id=gateway_id,
            account_id=account_id,
            water=utility == Utility.WATER,
            power_w=power_w or 0,
            read_at=read_at,
        )
        estate.of_meter[meter_id] = building


def _take_balances(estate: Estate, columns: BalanceColumns, changed: set[Change] | None) -> None:
    """Newer ends of chains than those that are known; an entry that was seen before changes nothing.

    At the first reading everything is new and nothing has `changed`.
    """
    for account_id, seq, balance_micro in zip(*columns, strict=True):
        building = estate.of_account.get(account_id)
        if building is None:
            continue
        room = building.rooms[account_id]
        if seq > room.seq:
            if changed is not None:
                changed.add(Change(building.path, room.path, balance_micro > room.balance_micro))
            room.seq, room.balance_micro = seq, balance_micro


def _take_supplies(estate: Estate, columns: SupplyColumns, changed: set[Change] | None) -> None:
    """A supply of a meter that is not known yet waits for the next reading of everything."""
    for meter_id, _account_id, _path, wanted_on, reason, on, outcome, kind, until in zip(*columns, strict=True):
        building = estate.of_meter.get(meter_id)
        if building is None:
            continue
        point = building.points[meter_id]
        hold = kind if kind and (until is None or estate.at < until) else ""
        state = (True, on, wanted_on, reason, outcome in STUCK, hold)
        if (point.has_supply, point.on, point.wanted_on, point.reason, point.stuck, point.hold) != state:
            point.has_supply, point.on, point.wanted_on, point.reason, point.stuck, point.hold = state
            if changed is not None:
                changed.add(Change(building.path, point.path))


def _take_silent(estate: Estate, site: Site, silent: Mapping[str, datetime]) -> set[Change]:
    """Those that are silent now, and those that were."""
    changed: set[Change] = set()
    before = estate.silent.get(site.id, {})
    for meter_id in before.keys() | silent.keys():
        building = estate.of_meter.get(meter_id)
        if building is not None and before.get(meter_id) != silent.get(meter_id):
            point = building.points[meter_id]
            point.silent_since = silent.get(meter_id)
            changed.add(Change(building.path, point.path))
    estate.silent[site.id] = silent
    return changed
