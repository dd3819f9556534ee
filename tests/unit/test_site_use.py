"""What a place used: by its registers, whatever was missed; loads, nights and odd hours; rooms that nobody rents."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.access import CLOCK, Role
from prepaid.domain.accounts import AccountStatus, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import Refused
from prepaid.domain.load import HOUR, Hours, load_of
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.sharing import Rule
from prepaid.domain.tariffs import FlatTariff, Utility
from prepaid.storage.driver import Database
from prepaid.usecases.compare_site import compare_sites, use_report
from prepaid.usecases.place_losses import share_common, site_losses, site_shares
from prepaid.usecases.show_load import show_load
from prepaid.usecases.site_use import SiteUse, site_use
from prepaid.usecases.spans import Length, before, running, span_of
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

MARCH = datetime(2026, 2, 28, 16, tzinfo=UTC)
"""Midnight of 1 March in Shanghai."""


def test_base_load_night_and_odd_hours_of_a_month() -> None:
    """A2: 100 W all day, 600 W in the evening; the one hour at 5 kWh is the odd one; too few hours tell nothing."""
    hours = Hours(MARCH, 31 * 24, "Asia/Shanghai")
    wh: list[int | None] = [600 if at.hour >= 18 else 100 for at in hours.local]
    wh[24 * 9 + 3] = 5_000
    wh[24 * 11 + 4] = None
    load = load_of(hours, wh, 1)
    known = [each for each in wh if each is not None]
    night = 31 * 6 * 100 - 100 - 100 + 5_000
    assert (load.base_w, load.night_permille) == (100, night * 1000 // sum(known))
    assert [(each.at, each.energy_wh, each.usual_wh) for each in load.odd] == [
        (MARCH + HOUR * (24 * 9 + 3), 5_000, 100)
    ]
    few = load_of(Hours(MARCH, 24, "Asia/Shanghai"), wh[:24], 7)
    assert (few.energy_wh, few.base_w, few.night_permille, few.odd) == (7, None, None, ())


def test_spans_are_whole_local_days_and_join() -> None:
    """A2: days, months and years begin at local midnight, also where clocks change; nonsense is refused."""
    tariff = FlatTariff(id="t", price_micro_per_kwh=1)
    site = Site(id="s", name="S", path="o/s", calendar=SiteCalendar(time_zone="Europe/Berlin"), tariff=tariff)
    day, month, year = (span_of(site, name) for name in ("2026-03-29", "2026-03", "2026"))
    assert day.until - day.since == timedelta(hours=23)
    assert (month.until - month.since) == timedelta(days=31) - timedelta(hours=1)
    assert before(site, month).until == month.since
    assert before(site, span_of(site, "2024-02-29"), years=1).name == "2023-02-28"
    assert before(site, year).name == "2025"
    now = month.until - timedelta(seconds=1)
    assert [running(site, now, length, back=3).name for length in Length] == [
        "2026-03-28",
        "2026-W11",
        "2025-12",
        "2023",
    ]
    for nonsense in ("2026-3", "26", "2026-02-30", "2026-11-26-1", "2026-W54", "", "x", "-1"):
        with pytest.raises(Refused, match=r"refused\.report_span"):
            span_of(site, nonsense)


async def test_a_tenant_sees_the_own_nights_and_nobody_elses(database: Database, clock: ManualClock) -> None:
    """A1, T1: 200 W in the evening, 50 W else, 3 kWh in one hour of a night; what was before the lease is left out."""
    clock.set(MARCH + timedelta(days=20, hours=7))
    building = await build(database, clock)
    tenant = await building.flat(1)
    stranger = await building.flat(2)
    at, register, kept = MARCH, 1_000, []
    while at <= clock.now():
        kept.append(Reading(meter_id="met-1", at=at, energy_wh=register))
        place = (at - MARCH) // HOUR
        register += 3_000 if place == 10 * 24 + 2 else 9_000 if place == 24 else 200 if place % 24 >= 18 else 50
        at += HOUR
    await building.business.store.readings.keep(kept, "Asia/Shanghai")
    moved_in = MARCH + timedelta(days=1, hours=5)
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    await building.business.store.sites.save_account(replace(account, lease_from=moved_in))
    found = await show_load(building.business, tenant, "acc-1")
    assert (found.since, found.until, found.days) == (MARCH + timedelta(days=2), MARCH + timedelta(days=20), 18)
    assert found.load is not None
    total = 18 * (18 * 50 + 6 * 200) - 50 + 3_000
    assert (found.load.energy_wh, found.load.base_w, found.base_wh) == (total, 50, 50 * 24 * 18)
    assert found.load.night_permille == (18 * 300 - 50 + 3_000) * 1000 // total
    assert [(odd.at, odd.energy_wh) for odd in found.load.odd] == [(MARCH + timedelta(days=10, hours=2), 3_000)]
    building.clock.set(MARCH + timedelta(days=90, hours=7))
    later = await show_load(building.business, tenant, "acc-1", days=80)
    assert (later.days, later.known_hours) == (80, (20 - 10) * 24 + 7)
    assert later.base_wh == 50 * later.known_hours
    unread = await show_load(building.business, stranger, "acc-2")
    assert unread.load is None or unread.load.base_w is None
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await show_load(building.business, stranger, "acc-1")
    for days in (1, 93):
        with pytest.raises(Refused, match=r"refused\.load_days"):
            await show_load(building.business, tenant, "acc-1", days=days)


async def test_months_add_up_to_the_register_whatever_was_missed(database: Database, clock: ManualClock) -> None:
    """A2: random readings with hours and days missing: each month's use is the next month's beginning minus its own."""
    building = await build(database, clock)
    chance = random.Random(random.randrange(2**32))
    await building.flat(1)
    at, register, kept = MARCH - timedelta(days=3), 1_000, []
    while at < MARCH + timedelta(days=95):
        kept.append(Reading(meter_id="met-1", at=at, energy_wh=register))
        at += timedelta(hours=chance.choice((1, 1, 1, 2, 5, 30, 70)))
        register += chance.randint(0, 900)
    await building.business.store.readings.keep(kept, "Asia/Shanghai")
    clock.set(at)
    uses = [await _use(building, f"2026-0{month}") for month in range(2, 7)]
    ends = [(each.meters[0].first_wh, each.meters[0].last_wh) for each in uses]
    assert [end for _, end in ends[:-1]] == [begin for begin, _ in ends[1:]]
    assert sum(each.total(Utility.ELECTRICITY) for each in uses) == kept[-1].energy_wh - 1_000
    for use in uses:
        assert sum(wh for _, wh in use.by_day_wh) <= use.whole.energy_wh
    days = [(await _use(building, f"2026-03-0{day}")).meters[0] for day in range(1, 5)]
    assert days[0].first_wh == uses[1].meters[0].first_wh
    assert [each.last_wh for each in days[:-1]] == [each.first_wh for each in days[1:]]


async def test_rooms_without_a_lease_that_use_are_listed(database: Database, clock: ManualClock) -> None:
    """M7, A2: unassigned, closed and not yet rented rooms are named if they use; water stays water; reach is kept."""
    building = await build(database, clock)
    store = building.business.store
    for unit in (1, 2, 3, 4):
        await building.flat(unit)
    await store.sites.move_account("acc-2", AccountStatus.OPEN, AccountStatus.CLOSED)
    lease = await store.sites.account("acc-3")
    assert lease is not None
    await store.sites.save_account(replace(lease, lease_from=datetime(2026, 4, 2, tzinfo=UTC)))
    spare = Meter(id="spare", site_id="maple", path="acme/maple/b1/109", gateway_id="gw-1", unit=9, profile="test")
    tap = replace(spare, id="tap", unit=10, account_id="acc-1", utility=Utility.WATER)
    for meter in (spare, tap):
        await store.meters.add(meter)
    readings = [
        Reading(meter_id=meter_id, at=MARCH + HOUR * hour, energy_wh=hour * used)
        for meter_id, used in (("met-1", 7), ("met-2", 5), ("met-3", 3), ("spare", 2), ("tap", 11))
        for hour in (0, 10)
    ]
    await store.readings.keep(readings, "Asia/Shanghai")
    clock.set(MARCH + timedelta(days=40))
    use = await _use(building, "2026-03")
    assert {each.meter_id for each in use.empty} == {"met-2", "met-3", "spare"}
    assert [each.meter_id for each in use.ranked] == ["met-1", "met-2", "met-3", "spare"]
    assert [each.meter_id for each in use.silent] == ["met-4"]
    assert (use.total(Utility.ELECTRICITY), use.total(Utility.WATER), use.whole.energy_wh) == (170, 110, 170)
    part = await building.operator(scope="acme/maple/b1/101", role=Role.VIEWER)
    seen = await site_use(building.business, part, "maple", span_of(building.site, "2026-03"))
    assert [each.meter_id for each in seen.meters] == ["met-1"]
    stranger = await building.operator(scope="other", role=Role.OWNER)
    for site_id in ("maple", "nowhere"):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await site_use(building.business, stranger, site_id, span_of(building.site, "2026-03"))


async def _use(building: Building, name: str) -> SiteUse:
    return await site_use(building.business, CLOCK, "maple", span_of(building.site, name))


async def test_losses_by_place_and_the_common_part_to_the_unit(database: Database, clock: ManualClock) -> None:
    """A2: a meter at a building's place is its main meter; what rooms did not count is shared by rule, exactly."""
    building = await build(database, clock)
    store = building.business.store
    for unit in (1, 2, 3):
        await building.flat(unit)
    main = Meter(id="main", site_id="maple", path="acme/maple/b1", gateway_id="gw-1", unit=20, profile="test")
    stairs = replace(main, id="stairs", path="acme/maple/b1/stairs", unit=21)
    tap = replace(main, id="tap", path="acme/maple/b1/tap", unit=22, utility=Utility.WATER)
    for meter in (main, stairs, tap):
        await store.meters.add(meter)
    used = {"main": 1_000, "met-1": 100, "met-2": 200, "met-3": 401, "stairs": 50, "tap": 7}
    for hour in (0, 10):
        rows = [Reading(meter_id=name, at=MARCH + HOUR * hour, energy_wh=wh * hour // 10) for name, wh in used.items()]
        await store.readings.keep(rows, "Asia/Shanghai")
    clock.set(MARCH + timedelta(days=2))
    (losses,) = await site_losses(building.business, CLOCK, "maple", "2026-03")
    assert (losses.main_meter_id, losses.main_wh, losses.loss_wh) == ("main", 1_000, 249)
    assert dict(losses.meters_wh) == {"met-1": 100, "met-2": 200, "met-3": 401, "stairs": 50}
    areas = {1: 600_000, 2: 0, 3: 400_000}
    for unit, area in areas.items():
        account = await store.sites.account(f"acc-{unit}")
        assert account is not None
        await store.sites.save_account(replace(account, area_cm2=area))
    found = {}
    for rule in (Rule.EQUAL, Rule.USE):
        given = await share_common(building.business, CLOCK, "main", "2026-03", rule)
        assert sum(each.share_wh for each in given.shares) == given.common_wh == 299
        found[rule] = [each.share_wh for each in given.shares]
    assert found == {Rule.EQUAL: [100, 100, 99], Rule.USE: [43, 85, 171]}
    (whole,) = await site_shares(building.business, CLOCK, "maple", "2026-03", Rule.USE)
    assert [each.share_wh for each in whole.shares] == found[Rule.USE]
    outsider = await building.operator(scope="elsewhere", role=Role.OWNER)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await site_shares(building.business, outsider, "maple", "2026-03", Rule.USE)
    with pytest.raises(Refused, match=r"refused\.share_area"):
        await share_common(building.business, CLOCK, "main", "2026-03", Rule.AREA)
    await building.flat(4)
    with pytest.raises(Refused, match=r"refused\.share_silent"):
        await share_common(building.business, CLOCK, "main", "2026-03", Rule.EQUAL)
    stranger = await building.operator(scope="other", role=Role.OWNER)
    for meter_id in ("main", "nothing"):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await share_common(building.business, stranger, meter_id, "2026-03", Rule.EQUAL)


async def test_spans_are_compared_with_those_before_and_a_year_ago(database: Database, clock: ManualClock) -> None:
    """A2: month, day, week and year are of the same registers, with what was before, also from closed days alone."""
    building = await build(database, clock)
    await building.flat(1)
    readings = building.business.store.readings
    kept: list[Reading] = []
    for name, used in (("2025-03", 0), ("2025-04", 500), ("2026-02", 0), ("2026-03", 700), ("2026-04", 300)):
        start = span_of(building.site, name).since
        register = (kept[-1].energy_wh if kept else 0) + used
        kept += [Reading(meter_id="met-1", at=start + HOUR * hour, energy_wh=register + hour) for hour in range(3)]
    await readings.keep(kept, "Asia/Shanghai")
    clock.set(kept[-1].at + timedelta(days=3))
    await readings.close_days(clock.now(), 100)
    last = await building.business.store.meters.get("met-1")
    assert last is not None
    await building.business.store.meters.saw([(kept[-1], 3)])
    month = await use_report(building.business, CLOCK, "maple", "2026-03")
    assert (month.energy_wh, month.before_wh, month.year_ago_wh) == (302, 702, 502)
    day = await use_report(building.business, CLOCK, "maple", "2026-03-01")
    assert [bar.energy_wh for bar in day.bars[:3]] == [1, 1, 0]
    assert len((await use_report(building.business, CLOCK, "maple", "2026-W10")).bars) == 7
    year = await use_report(building.business, CLOCK, "maple", "2026")
    assert year.energy_wh == kept[-1].energy_wh - 504
    assert [bar.before_wh for bar in year.bars][2] == 502
    viewer = await building.operator(role=Role.VIEWER)
    (only,) = await compare_sites(building.business, viewer, "2026-03")
    assert (only.energy_wh, only.before_wh) == (302, 702)
