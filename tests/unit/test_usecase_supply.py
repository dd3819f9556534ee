"""Supply policy on the real store: the night ahead, weather holds, reminders, a doubtful clock, holidays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from prepaid.domain.access import Role
from prepaid.domain.approvals import ApprovalState
from prepaid.domain.calendar import Window
from prepaid.domain.clock_trust import ClockTrust
from prepaid.domain.errors import Refused
from prepaid.domain.holidays import HolidayTable
from prepaid.domain.notices import NoticeKind
from prepaid.domain.supply import HoldKind, Reported
from prepaid.storage.driver import Database
from prepaid.storage.holiday_tables import holiday_table
from prepaid.usecases.allow_mass_cut import allow_mass_cut
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.may_switch import may_switch
from prepaid.usecases.refresh_holidays import refresh_holidays
from prepaid.usecases.set_weather_hold import DAYS_MAX, set_weather_hold
from prepaid.usecases.tonight import next_noon, tonight
from tests.fakes.building import SITE, Building, RecordingSender, build
from tests.fakes.clock import ManualClock

HOUR = timedelta(hours=1)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building."""
    return await build(database, clock)


async def change(building: Building, **changes: object) -> None:
    """Changes the site's description."""
    building.site = replace(building.site, **changes)  # type: ignore[arg-type]
    await building.business.store.sites.save_site(building.site)


async def dry(building: Building, unit: int = 1) -> None:
    """A flat whose credit is gone, with two fresh readings."""
    await building.flat(unit, balance_micro=-1)
    await building.read(unit, 1_000)
    await building.read(unit, 1_000)


async def deliver(building: Building) -> RecordingSender:
    """Carries what waits in the outbox."""
    sender = RecordingSender()
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    return sender


async def test_tonight_says_who_is_cut_when_and_who_is_spared_by_which_rule(building: Building) -> None:
    """A4: protected hours end at eight, so that is when; a protected customer and a hold are named as such."""
    quiet = Window(since=time(12), until=time(8))
    await change(building, calendar=replace(building.site.calendar, protected=(quiet,)))
    operator = await building.operator()
    for unit in (1, 2, 3):
        await dry(building, unit)
    await building.flat(4, balance_micro=1_000_000)
    protected = await building.business.store.sites.account("acc-2")
    assert protected is not None
    await building.business.store.sites.save_account(replace(protected, protected=True))
    await hold_supply(building.business, operator, "acc-3", kind=HoldKind.ON, why="new baby")
    night = await tonight(building.business, operator, SITE)
    assert [(row.account_id, row.rule) for row in night.cut] == [("acc-1", "rule.no_credit")]
    assert night.cut[0].at is not None
    assert night.cut[0].at.isoformat() == "2026-03-03T00:00:00+00:00"
    assert night.until.isoformat() == "2026-03-03T04:00:00+00:00"
    spared = {row.account_id: row.rule for row in night.spared}
    assert spared == {"acc-2": "rule.protected_customer", "acc-3": "rule.held_on"}


async def test_tonight_changes_nothing(building: Building) -> None:
    """A4: no notice, no wanted state, no entry comes of looking."""
    operator = await building.operator()
    await dry(building)
    before = await building.supply(1)
    notices = await building.business.store.notices.of_account("acc-1", 10)
    await tonight(building.business, operator, SITE)
    assert await building.supply(1) == before
    assert await building.business.store.notices.of_account("acc-1", 10) == notices


async def test_tonight_spreads_what_the_blast_limit_spreads(building: Building) -> None:
    """S8: two cuts an hour are allowed, so the third comes an hour after the first."""
    await change(building, policy=replace(building.site.policy, cuts_a_site_hour=2))
    operator = await building.operator()
    for unit in (1, 2, 3):
        await dry(building, unit)
    await building.read(1, 1_000)
    await building.read(2, 1_000)
    night = await tonight(building.business, operator, SITE)
    times = [row.at for row in night.cut if row.at is not None]
    assert len(times) == 3, night.spared
    assert times[2] >= times[0] + HOUR


async def test_tonight_is_within_the_jurisdiction(building: Building) -> None:
    """A2: an operator of one flat sees that flat only, and a stranger sees what is seen of a missing site."""
    await dry(building, 1)
    await dry(building, 2)
    narrow = await building.operator(scope="acme/maple/b1/101")
    night = await tonight(building.business, narrow, SITE)
    assert {row.account_id for row in (*night.cut, *night.spared)} == {"acc-1"}
    stranger = await building.operator(scope="other")
    for site_id in (SITE, "nowhere"):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await tonight(building.business, stranger, site_id)


async def test_tonight_comes_true(building: Building, clock: ManualClock) -> None:
    """A4, Y6: playing the night for real cuts whom the dry run named, within a poll of the time it named."""
    operator = await building.operator()
    await dry(building, 1)
    await dry(building, 2)
    await hold_supply(building.business, operator, "acc-2", kind=HoldKind.ON, why="asked for")
    night = await tonight(building.business, operator, SITE)
    named = night.cut[0].at
    assert named is not None
    for _ in range(5):
        await deliver(building)
        await building.read(1, 1_000)
        await building.read(2, 1_000, advance_s=1)
    supply = await building.supply(1)
    assert not supply.wanted.on
    assert timedelta() <= supply.wanted.at - named <= 3 * timedelta(minutes=1)
    assert (await building.supply(2)).wanted.on


@pytest.mark.parametrize(
    ("local", "noon"),
    [("2026-03-02T11:59", "2026-03-02T12:00"), ("2026-03-02T12:00", "2026-03-03T12:00")],
)
def test_the_next_noon_is_the_sites_own(building: Building, local: str, noon: str) -> None:
    """F34: by the wall clock of the site."""
    calendar = building.site.calendar
    at = datetime.fromisoformat(f"{local}+08:00")
    assert calendar.local(next_noon(calendar, at)).isoformat(timespec="minutes") == f"{noon}+08:00"


async def test_a_weather_hold_keeps_back_even_a_cut_that_is_wanted(building: Building, clock: ManualClock) -> None:
    """S2: judged again before the frame leaves; when the hold is over the cut goes out."""
    manager = await building.operator(role=Role.MANAGER)
    await dry(building)
    await deliver(building)
    await building.read(1, 1_000)
    await building.read(1, 1_000)
    supply = await building.supply(1)
    assert not supply.wanted.on
    generation = supply.wanted.generation
    changed = await set_weather_hold(
        building.business, manager, SITE, until=clock.now() + HOUR, reason="minus twenty degrees"
    )
    assert changed.calendar.weather_hold_until is not None
    assert not await may_switch(building.business, "met-1", generation, on=False)
    await set_weather_hold(building.business, manager, SITE, until=None, reason="it thaws")
    assert await may_switch(building.business, "met-1", generation, on=False)
    trail = await building.business.store.audit.latest(building.site.path, 50)
    reasons = {line.reason for line in trail if line.action == "set_weather_hold"}
    assert reasons == {"minus twenty degrees", "it thaws"}


async def test_who_may_hold_for_the_weather_and_for_how_long(building: Building, clock: ManualClock) -> None:
    """A2: over the whole site only; not into the past and not for ever."""
    part = await building.operator(scope="acme/maple/b1")
    whole = await building.operator()
    later = clock.now() + HOUR
    with pytest.raises(Refused, match="not_found"):
        await set_weather_hold(building.business, part, SITE, until=later, reason="x")
    with pytest.raises(Refused, match="hold_past"):
        await set_weather_hold(building.business, whole, SITE, until=clock.now(), reason="x")
    much = clock.now() + timedelta(days=DAYS_MAX, seconds=1)
    with pytest.raises(Refused, match="hold_too_long"):
        await set_weather_hold(building.business, whole, SITE, until=much, reason="x")


async def test_each_reminder_is_delivered_before_the_cut(building: Building) -> None:
    """N2, N1: two notices for one run without credit, each once, and the cut only after both."""
    await change(building, policy=replace(building.site.policy, warning_lead_s=600, reminder_leads_s=(120,)))
    await dry(building)
    told = [len((await deliver(building)).sent)]
    for _ in range(12):
        await building.read(1, 1_000)
        told.append(len((await deliver(building)).sent))
        if not (await building.supply(1)).wanted.on:
            break
    assert sum(told) == 2
    assert not (await building.supply(1)).wanted.on
    rows = await building.business.store.notices.of_account("acc-1", 10)
    assert [row.kind for row in rows] == [NoticeKind.BALANCE_GONE] * 2
    last = max(row.done_at for row in rows if row.done_at is not None)
    assert (await building.supply(1)).wanted.at - last >= timedelta(seconds=120)


async def test_a_reminder_that_nobody_receives_holds_the_cut_until_it_is_exhausted(building: Building) -> None:
    """N2, S3: queued is not delivered."""
    await change(building, policy=replace(building.site.policy, warning_lead_s=60, reminder_leads_s=(30,)))
    await dry(building)
    await deliver(building)
    for _ in range(5):
        await building.read(1, 1_000)
    assert (await building.supply(1)).wanted.on
    await deliver(building)
    await building.read(1, 1_000)
    assert not (await building.supply(1)).wanted.on


async def test_a_jump_of_the_clock_suspends_cuts_until_it_is_steady(building: Building, clock: ManualClock) -> None:
    """Y4, F33: neither a new cut nor one that is wanted goes out; restoring does."""
    building.business = replace(building.business, trust=ClockTrust(jump_s=5, steady_s=600))
    await dry(building)
    await deliver(building)
    clock.jump(hours=3)
    await building.read(1, 1_000)
    await building.read(1, 1_000)
    assert (await building.supply(1)).wanted.on
    verdicts = await decide_supply(building.business, "acc-1")
    assert [verdict.rule for verdict in verdicts] == ["rule.doubt_system"]
    for _ in range(10):
        await building.read(1, 1_000)
    supply = await building.supply(1)
    assert not supply.wanted.on
    clock.jump(hours=-3)
    assert not await may_switch(building.business, "met-1", supply.wanted.generation, on=False)
    await building.give("acc-1", 5_000_000, "paid")
    await decide_supply(building.business, "acc-1")
    restored = await building.supply(1)
    assert restored.wanted.on
    assert await may_switch(building.business, "met-1", restored.wanted.generation, on=True)


async def test_a_large_share_of_the_site_waits_for_a_second_person(building: Building, clock: ManualClock) -> None:
    """S8, A6: after the free cuts and the share are used the rest stays on, until a second person has agreed."""
    policy = replace(building.site.policy, cuts_site_free=1, cuts_site_permille=400)
    await change(building, policy=policy)
    for unit in (1, 2, 3, 4):
        await dry(building, unit)
    await deliver(building)

    async def off() -> int:
        for unit in (1, 2, 3, 4):
            await building.read(unit, 1_000)
            await building.read(unit, 1_000)
        return sum([not (await building.supply(unit)).wanted.on for unit in (1, 2, 3, 4)])

    assert await off() == 1
    operator, boss = await building.operator(), await building.operator(role=Role.OWNER)
    until = clock.now() + HOUR
    asked = await allow_mass_cut(building.business, operator, SITE, until=until, why="moved out together")
    with pytest.raises(Refused):
        await approve(building.business, operator, asked.id, asked.digest)
    assert await off() == 1
    done = await approve(building.business, boss, asked.id, asked.digest)
    assert done.state is ApprovalState.DONE
    assert await off() == 4


async def test_a_mass_cut_is_agreed_to_for_a_day_at_most(building: Building, clock: ManualClock) -> None:
    """A6, A2: within the reach of the asker, with a reason, and soon over."""
    operator, part = await building.operator(), await building.operator(scope="acme/maple/b1")
    soon, late = clock.now() + HOUR, clock.now() + timedelta(hours=25)
    with pytest.raises(Refused, match="not_found"):
        await allow_mass_cut(building.business, part, SITE, until=soon, why="x")
    with pytest.raises(Refused, match="mass_cut_time"):
        await allow_mass_cut(building.business, operator, SITE, until=late, why="x")
    with pytest.raises(Refused, match="reason_needed"):
        await allow_mass_cut(building.business, operator, SITE, until=soon, why=" ")


async def test_holidays_are_filled_and_what_people_set_stays(building: Building) -> None:
    """S2: this year's announced days with their worked weekends; the override tables are not touched."""
    own = date(2026, 3, 3)
    await change(building, calendar=replace(building.site.calendar, override_holidays=(own,)))
    assert await refresh_holidays(building.business, holiday_table) == 1
    assert await refresh_holidays(building.business, holiday_table) == 0
    site = await building.business.store.sites.site(SITE)
    assert site is not None
    assert date(2026, 10, 1) in site.calendar.holidays
    assert date(2027, 10, 1) in site.calendar.holidays
    assert site.calendar.working_days[:1] == (date(2026, 1, 4),)
    assert site.calendar.is_holiday(own)
    assert site.calendar.weekday(date(2026, 1, 4)) < 5


async def test_a_source_that_knows_nothing_takes_no_holiday_away(building: Building) -> None:
    """S7: fewer holidays would mean more cuts."""
    await refresh_holidays(building.business, holiday_table)
    assert await refresh_holidays(building.business, lambda _country, _year: None) == 0
    assert await refresh_holidays(building.business, lambda _country, _year: HolidayTable()) == 0
    site = await building.business.store.sites.site(SITE)
    assert site is not None
    assert site.calendar.holidays


def test_countries_that_no_package_knows_have_no_table() -> None:
    """S2: an unknown country is no error and no empty answer."""
    assert holiday_table("ZZ", 2026) is None
    germany = holiday_table("DE", 2026)
    assert germany is not None
    assert date(2026, 12, 25) in germany.holidays


async def test_a_maintenance_tag_shows_as_nobody_to_cut(building: Building, clock: ManualClock) -> None:
    """S12: a supply under a maintenance tag is no cut of the coming night."""
    operator = await building.operator()
    await dry(building)
    await building.business.store.supplies.saw("met-1", Reported(on=True, at=clock.now()))
    await hold_supply(building.business, operator, "acc-1", kind=HoldKind.OFF, why="works in the riser")
    night = await tonight(building.business, operator, SITE)
    assert night.cut == ()
    assert [row.rule for row in night.spared] == ["rule.maintenance"]
