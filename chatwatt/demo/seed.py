"""Sets up the demonstration's site: three tenants, one of them protected, empty flats that keep the bus busy, an admin.

Everything is keyed, so a second start finds what is there and goes on from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from bot.channels.browser import BrowserUser
from chatwatt.demo.pace import Pace
from prepaid.domain.access import Grant, Role
from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.metering import Gateway, Meter, Reading
from prepaid.domain.people import Address
from prepaid.domain.supply import Supply, SupplyPolicy, Wanted
from prepaid.domain.tariffs import FlatTariff
from prepaid.ports import Business, Store

SITE_ID = "maple-court"
SITE_PATH = "demo/maple-court"
GATEWAY_ID = "gw-maple-1"
PROFILE = "hiking_dds238_2_zn_sr"
CHANNEL = "browser"
MINI_CHANNEL = "wechat_mini"
ADMIN = BrowserUser(id="admin", label="Admin", language="zh", staff=True)
EMPTY_UNITS = (4, 5, 6, 7, 8, 9)
"""Meters of empty flats: nobody pays for them, but they are read, and the bus is as busy as in a real house."""
ZONE = "Asia/Shanghai"
HISTORY_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """One tenant's flat."""

    unit: int
    room: str
    user: BrowserUser
    load_w: int
    energy_wh: int
    opening_micro: int | None = None
    protected: bool = False

    @property
    def account_id(self) -> str:
        """The prepaid account."""
        return f"maple-{self.room}"

    @property
    def meter_id(self) -> str:
        """The meter in the flat."""
        return f"m-{self.room}"

    @property
    def path(self) -> str:
        """Its place in the tree."""
        return f"{SITE_PATH}/b1/{self.room}"


FLATS = (
    Flat(unit=1, room="101", user=BrowserUser(id="tenant-a", label="101"), load_w=2_000, energy_wh=1_254_320),
    Flat(
        unit=2,
        room="102",
        user=BrowserUser(id="tenant-b", label="102", language="en"),
        load_w=600,
        energy_wh=873_110,
        opening_micro=80_000_000,
    ),
    Flat(
        unit=3,
        room="103",
        user=BrowserUser(id="tenant-c", label="103"),
        load_w=400,
        energy_wh=2_010_550,
        opening_micro=1_200_000,
        protected=True,
    ),
)


def mini_openid(user: str) -> str:
    """Who somebody of the chat page is in the mini-program: the same person, at one more address."""
    return f"mini-{user}"


async def seed(business: Business, pace: Pace, *, port: int) -> None:
    """Writes the site; `port` is where the simulated gateway listens this time."""
    store, now = business.store, business.clock.now()
    site = site_of_demo(pace, now)
    await store.sites.save_site(site)
    gateway = Gateway(id=GATEWAY_ID, site_id=SITE_ID, transport="tcp", host="127.0.0.1", port=port)
    await store.sites.save_gateway(gateway)
    for flat in FLATS:
        await _flat(store, pace, flat, now)
    for unit in EMPTY_UNITS:
        await store.meters.add(_meter(pace, unit, f"m-empty-{unit}", f"{SITE_PATH}/b1/empty-{unit}", None))
    admin = await store.people.at(CHANNEL, ADMIN.id, language=ADMIN.language)
    admin = replace(admin, addresses=(admin.addresses[0], Address(channel=MINI_CHANNEL, user=mini_openid(ADMIN.id))))
    await store.people.save(replace(admin, grants=(Grant(Role.MANAGER, SITE_PATH),)))


def site_of_demo(pace: Pace, now: datetime) -> Site:
    """The site's rules. Its protected hours lie half a day away, so that the demonstration works at any hour."""
    local = SiteCalendar(time_zone=ZONE).local(now)
    quiet = Window(since=_hour(local, 10), until=_hour(local, 14))
    policy = SupplyPolicy(
        low_balance_micro=(5_000_000, 2_000_000),
        warning_lead_s=pace.warning_lead_s,
        reading_fresh_s=30,
        no_off_after_on_s=5,
        operations_a_day=500,
        cuts_a_site_hour=500,
        settle_every_s=1,
    )
    return Site(
        id=SITE_ID,
        name="Maple Court",
        path=SITE_PATH,
        calendar=SiteCalendar(time_zone=ZONE, protected=(quiet,)),
        policy=policy,
        tariff=FlatTariff(id="flat-2026", price_micro_per_kwh=600_000),
    )


def _hour(local: datetime, hours: int) -> time:
    return time((local.hour + hours) % 24)


async def _flat(store: Store, pace: Pace, flat: Flat, now: datetime) -> None:
    first_start = await store.sites.account(flat.account_id) is None
    account = Account(id=flat.account_id, site_id=SITE_ID, path=flat.path, label=flat.room, protected=flat.protected)
    await store.sites.save_account(account)
    await store.meters.add(_meter(pace, flat.unit, flat.meter_id, flat.path, flat.account_id))
    await store.supplies.add(
        Supply(
            meter_id=flat.meter_id,
            account_id=flat.account_id,
            site_id=SITE_ID,
            gateway_id=GATEWAY_ID,
            path=flat.path,
            wanted=Wanted(at=now),
        )
    )
    person = await store.people.at(CHANNEL, flat.user.id, language=flat.user.language)
    await store.people.bind(person.id, flat.account_id)
    await store.people.add_address(person.id, Address(channel=MINI_CHANNEL, user=mini_openid(flat.user.id)))
    await store.ledger.post(_opening(flat, pace, now))
    if first_start:
        await store.readings.keep(_history(flat, now), ZONE)


def _meter(pace: Pace, unit: int, meter_id: str, path: str, account_id: str | None) -> Meter:
    return Meter(
        id=meter_id,
        site_id=SITE_ID,
        path=path,
        gateway_id=GATEWAY_ID,
        unit=unit,
        profile=PROFILE,
        account_id=account_id,
        has_relay=account_id is not None,
        load_scale=pace.speed,
        poll_every_s=pace.poll_every_s,
    )


def _opening(flat: Flat, pace: Pace, now: datetime) -> Posting:
    """The opening balance. A later pace does not open anew: the first entry under the key stands."""
    amount = flat.opening_micro or pace.opening_micro
    return Posting(
        account_id=flat.account_id,
        idem="opening",
        kind=Kind.ADJUSTMENT,
        lines=(Line(customer(flat.account_id), amount), Line("adjustments:opening", -amount)),
        effective_at=now,
        actor="demo",
        reason="reason.opening",
    )


def _history(flat: Flat, now: datetime) -> Sequence[Reading]:
    """Three days of readings before today's, with a morning and an evening, so that charts have a shape."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    register, readings = flat.energy_wh, []
    for back in range(HISTORY_DAYS * 24):
        at = hour - timedelta(hours=back)
        readings.append(Reading(meter_id=flat.meter_id, at=at, energy_wh=register))
        local_hour = SiteCalendar(time_zone=ZONE).local(at - timedelta(hours=1)).hour
        register -= flat.load_w * SHAPE[local_hour] // 1000
    return readings


SHAPE = (
    90,
    70,
    60,
    60,
    60,
    80,
    210,
    380,
    290,
    180,
    150,
    190,
    310,
    260,
    170,
    160,
    190,
    330,
    520,
    610,
    560,
    430,
    280,
    150,
)
"""Per mille of the flat's load, by local hour."""
