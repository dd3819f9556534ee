"""What a place used, by the registers of its meters: totals, loads, odd hours, and rooms that nobody rents (A2, M7)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.load import HOUR, Hours, Load, MeterHours, added, load_of
from prepaid.domain.metering import Meter
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.place_losses import main_meters
from prepaid.usecases.spans import Span, reach_site

EMPTY_WH_MIN = 1
"""A room without a lease is listed as soon as its register moved by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterUse:
    """One meter. `account_id` is None for a meter that nobody pays for; `empty` says that nobody rents the room."""

    meter_id: str
    label: str
    account_id: str | None
    utility: Utility
    first_wh: int | None
    last_wh: int | None
    load: Load | None
    """None for a meter that was not heard in the span."""
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteUse:
    """A site's span of local days. Meters in the order of their places."""

    site_id: str
    name: str
    time_zone: str
    span: Span
    meters: tuple[MeterUse, ...]
    whole: Load
    """Of all electricity meters together: hours in which one of them was not read are left out."""
    by_day_wh: tuple[tuple[datetime, int], ...]
    """Wh of each local day, by whole hours."""
    by_hour_wh: tuple[tuple[datetime, int], ...]

    def total(self, utility: Utility) -> int:
        """What the registers of a utility moved by."""
        return sum(each.load.energy_wh for each in self.meters if each.load and each.utility is utility)

    @property
    def ranked(self) -> tuple[MeterUse, ...]:
        """Electricity, most first."""
        heard = [each for each in self.meters if each.load and each.utility is Utility.ELECTRICITY]
        return tuple(sorted(heard, key=lambda each: (-(each.load.energy_wh if each.load else 0), each.label)))

    @property
    def silent(self) -> tuple[MeterUse, ...]:
        """Meters without a reading."""
        return tuple(each for each in self.meters if each.load is None)

    @property
    def empty(self) -> tuple[MeterUse, ...]:
        """Rooms that nobody rents and that used something all the same."""
        return tuple(each for each in self.meters if each.empty and each.load and each.load.energy_wh >= EMPTY_WH_MIN)


async def site_use(business: Business, actor: Actor, site_id: str, span: Span) -> SiteUse:
    """The meters that the actor sees at a site, in a span of local days. `Refused` as for a site that does not exist.

    Raises `Refused("refused.not_found")` alike for a site out of reach and one that does not exist (A2).
    """
    site = await reach_site(business, actor, site_id)
    meters, accounts = await _seen(business, actor, site)
    hours = Hours(span.since, (span.until - span.since) // HOUR, site.calendar.time_zone)
    rows: list[MeterUse] = []
    whole = _Whole(hours)
    async for meter, found in _hours(business, meters, span):
        rows.append(_row(meter, found, hours, accounts.get(meter.account_id or ""), span))
        if meter.utility is Utility.ELECTRICITY and found.total_wh is not None:
            whole.take(found)
    return SiteUse(
        site_id=site.id,
        name=site.name,
        time_zone=site.calendar.time_zone,
        span=span,
        meters=tuple(rows),
        whole=whole.load(),
        by_day_wh=whole.by_day(),
        by_hour_wh=whole.by_hour(),
    )


async def _seen(business: Business, actor: Actor, site: Site) -> tuple[Sequence[Meter], dict[str, Account]]:
    """The site's meters within reach, and its accounts by id.

    A main meter is left out: it counts once more what the meters behind it count, and is the report of losses' matter.
    """
    found = [each for each in await business.store.meters.below(site.path) if each.site_id == site.id]
    mains = {each.id for each in main_meters(found)}
    meters = [each for each in found if each.id not in mains and may(actor, Action.SEE_SITE, Subject(each.path))]
    accounts = await business.store.sites.accounts_below(site.path)
    return meters, {each.id: each for each in accounts}


async def _hours(business: Business, meters: Sequence[Meter], span: Span) -> AsyncIterator[tuple[Meter, MeterHours]]:
    async def ask(meter: Meter) -> tuple[Meter, MeterHours]:
        return meter, await business.store.readings.hours(meter.id, span.since, span.until)

    async for each in at_once(meters, ask):
        yield each


def _row(meter: Meter, found: MeterHours, hours: Hours, account: Account | None, span: Span) -> MeterUse:
    total = found.total_wh
    return MeterUse(
        meter_id=meter.id,
        label=account.label if account is not None else meter.path.rpartition("/")[2],
        account_id=meter.account_id,
        utility=meter.utility,
        first_wh=found.first_wh,
        last_wh=found.last_wh,
        load=None if total is None else load_of(hours, found.wh, total),
        empty=_nobody_rents(account, span),
    )


def _nobody_rents(account: Account | None, span: Span) -> bool:
    """No account at all, a closed one, or a lease that does not touch the span."""
    if account is None or account.status is AccountStatus.CLOSED:
        return True
    before = account.lease_to is not None and account.lease_to <= span.since
    after = account.lease_from is not None and account.lease_from >= span.until
    return before or after


class _Whole:
    """Adds meters up as they come."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._sum: tuple[int | None, ...] = (0,) * hours.count
        self._known = [0] * hours.count
        self._total_wh = 0
        self._any = False

    def take(self, found: MeterHours) -> None:
        self._any = True
        self._total_wh += found.total_wh or 0
        self._sum = added((self._sum, found.wh))
        self._known = [wh + (more or 0) for wh, more in zip(self._known, found.wh, strict=True)]

    def load(self) -> Load:
        return load_of(self._hours, self._sum, self._total_wh) if self._any else Load(energy_wh=0)

    def by_hour(self) -> tuple[tuple[datetime, int], ...]:
        return tuple(zip(self._hours.local, self._known, strict=True))

    def by_day(self) -> tuple[tuple[datetime, int], ...]:
        days: dict[datetime, int] = {}
        for at, wh in zip(self._hours.local, self._known, strict=True):
            day = at.replace(hour=0, minute=0, second=0, microsecond=0)
            days[day] = days.get(day, 0) + wh
        return tuple(days.items())
