"""A jurisdiction in memory: read once in columns, then kept up to date by looking at what has changed (A2).

For people who look at much at once. Whoever sees one sees it through the roles that it was read with; whoever acts on
something looks again, through the use case for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import AccountStatus, Site
from prepaid.domain.errors import not_found
from prepaid.domain.panorama import NOTHING, Building, Known, PointRow, SupplyRow, Tally, building_of
from prepaid.domain.supply import Outcome
from prepaid.ports import Business
from prepaid.ports.panorama import AccountColumns, BalanceColumns, MeterColumns, SupplyColumns
from prepaid.usecases.authorize import record, scopes

OVERLAP: Final = timedelta(seconds=15)
"""Other processes' clocks may be this far behind when they commit."""
CONFIRMED_WITHIN: Final = timedelta(minutes=15)
"""A relay that was told something is looked at for so long; what comes later is found by reading everything anew."""
POWER_FRESH: Final = timedelta(minutes=15)
STUCK: Final = frozenset({Outcome.UNCONFIRMED.value, Outcome.WAITING.value})
CLOSED: Final[str] = AccountStatus.CLOSED.value


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
    of_folder: dict[str, Building] = field(default_factory=dict)
    """By the place right above a room: the buildings that were found before."""
    of_site: dict[str, Tally] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    account_paths: dict[str, str] = field(default_factory=dict)
    meter_paths: dict[str, str] = field(default_factory=dict)
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
            found = self.buildings[where] = Building(path=where, site_id=site.id, known=self.known)
        if path != site.path:
            self.of_folder[folder] = found
        return found

    def of_account(self, account_id: str) -> Building | None:
        """The building of an account in reach."""
        return self._holder(self.account_paths.get(account_id))

    def of_meter(self, meter_id: str) -> Building | None:
        """The building of a meter in reach."""
        return self._holder(self.meter_paths.get(meter_id))

    def _holder(self, path: str | None) -> Building | None:
        if path is None:
            return None
        site = next((each for each in self.sites.values() if each.path == path), None)
        return self.buildings.get(path) if site is not None else self.of_folder.get(path[: path.rfind("/")])

    def sees(self, path: str) -> bool:
        """Whether a place is in reach."""
        return any(covers(scope, path) for scope in self.reach)

    def count(self, changed: Iterable[Building]) -> None:
        """Counts some buildings anew, and with them their sites and the whole: by the difference."""
        for building in changed:
            before = building.tally
            building.count(self.at - POWER_FRESH)
            self.of_site[building.site_id].add(building.tally, instead_of=before)
            self.total.add(building.tally, instead_of=before)


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
    estate = Estate(reach=reach, sites=sites, at=now, read_at=now, of_site={site_id: Tally() for site_id in sites})
    for columns in await asyncio.gather(*(business.store.panorama.accounts(scope) for scope in reach)):
        _keep_accounts(estate, columns)
    await asyncio.gather(*(_read_site(business, estate, site) for site in sites.values()))
    _keep_ends(estate, await business.store.panorama.balances(list(estate.account_paths)))
    _keep_ends(estate, await business.store.panorama.entries_since(now - OVERLAP))
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


async def look(business: Business, estate: Estate, *, silence: bool = True) -> set[Change]:
    """Where something changed since the last look: money, supplies, and perhaps meters that fell silent."""
    panorama, now = business.store.panorama, business.clock.now()
    changed = set(_take_balances(estate, await panorama.entries_since(estate.at - OVERLAP)))
    for site in estate.sites.values():
        lately = await panorama.supplies(site.id, changed_since=min(estate.at, now - CONFIRMED_WITHIN))
        changed.update(_take_supplies(estate, lately))
        if silence:
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
    _keep_meters(estate, site, meters)
    estate.known.supplies |= _supply_rows(estate, supplies)
    estate.silent[site.id] = silent
    estate.known.silent |= silent


async def _read_day(business: Business, estate: Estate) -> None:
    """What was used since midnight, each site's own."""
    for start in {day_start(site, estate.at) for site in estate.sites.values()}:
        columns = await business.store.panorama.running_day(start)
        estate.known.used |= dict(zip(columns.meter_ids, columns.used, strict=True))


def _keep_accounts(estate: Estate, columns: AccountColumns) -> None:
    """Those of sites in reach, each with its building. Neighbours come one after the other: one look for many."""
    estate.account_paths.update(zip(columns.ids, columns.paths, strict=True))
    before: tuple[object, ...] = ()
    for account_id, path, label, site_id, status, utility, aside, levels in zip(*columns, strict=True):
        folder = path[: path.rfind("/")]
        if before != (folder, site_id, aside, levels):
            site = estate.sites.get(site_id)
            if site is None:
                estate.account_paths.pop(account_id, None)
                continue
            keep = estate.building(site, path).room_rows.append
            warned_from = levels or site.policy.low_balance_micro
            warn_micro = max(warned_from[0] if warned_from else 0, -aside)
            before = (folder, site_id, aside, levels) if path != site.path else ()
        keep((account_id, path, label, utility, -aside, warn_micro, status == CLOSED))


def _keep_meters(estate: Estate, site: Site, columns: MeterColumns) -> None:
    """Those in reach, likewise."""
    whole, before = estate.sees(site.path), ""
    rows: Iterable[PointRow] = zip(*columns, strict=True)
    if not whole:
        rows = [row for row in rows if estate.sees(row[1])]
        estate.meter_paths.update((row[0], row[1]) for row in rows)
    else:
        estate.meter_paths.update(zip(columns.ids, columns.paths, strict=True))
    for row in rows:
        path = row[1]
        folder = path[: path.rfind("/")]
        if folder != before:
            keep = estate.building(site, path).point_rows.append
            before = folder if path != site.path else ""
        keep(row)


def _keep_ends(estate: Estate, columns: BalanceColumns) -> None:
    """Newer ends of chains than those that are known."""
    ends = estate.known.ends
    for account_id, seq, balance_micro in zip(*columns, strict=True):
        if seq > ends.get(account_id, NOTHING)[0]:
            ends[account_id] = (seq, balance_micro)


def _supply_rows(estate: Estate, columns: SupplyColumns) -> dict[str, SupplyRow]:
    """By meter. A hold that has ended is none."""
    return {
        meter_id: (
            wanted_on,
            reason,
            on,
            outcome in STUCK,
            kind if kind and (until is None or estate.at < until) else "",
        )
        for meter_id, _, wanted_on, reason, on, outcome, kind, until in zip(*columns, strict=True)
    }


def _take_balances(estate: Estate, columns: BalanceColumns) -> Iterator[Change]:
    """Newer ends of chains than those that are known; an entry that was seen before changes nothing."""
    for account_id, seq, balance_micro in zip(*columns, strict=True):
        building = estate.of_account(account_id)
        if building is None:
            continue
        room = building.rooms[account_id]
        if seq > room.seq:
            yield Change(building.path, room.path, balance_micro > room.balance_micro)
            room.seq, room.balance_micro = seq, balance_micro


def _take_supplies(estate: Estate, columns: SupplyColumns) -> Iterator[Change]:
    """A supply of a meter that is not known yet waits for the next reading of everything."""
    for meter_id, row in _supply_rows(estate, columns).items():
        building = estate.of_meter(meter_id)
        if building is None:
            continue
        point = building.points[meter_id]
        if not point.has_supply or (point.wanted_on, point.reason, point.on, point.stuck, point.hold) != row:
            point.has_supply = True
            point.wanted_on, point.reason, point.on, point.stuck, point.hold = row
            yield Change(building.path, point.path)


def _take_silent(estate: Estate, site: Site, silent: Mapping[str, datetime]) -> set[Change]:
    """Those that are silent now, and those that were."""
    changed: set[Change] = set()
    before = estate.silent.get(site.id, {})
    for meter_id in before.keys() | silent.keys():
        building = estate.of_meter(meter_id)
        if building is not None and before.get(meter_id) != silent.get(meter_id):
            point = building.points[meter_id]
            point.silent_since = silent.get(meter_id)
            changed.add(Change(building.path, point.path))
    estate.silent[site.id] = silent
    return changed
