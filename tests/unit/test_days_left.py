"""Days left: weekdays and holidays have their shape, and warnings by days come once for each credit."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.delivery import sentence
from prepaid.domain.access import Role
from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.credit import Aside, CreditRules, Every, FixedFee, share_of
from prepaid.domain.days_left import (
    MOST_DAYS,
    PERMILLE,
    Coming,
    Pattern,
    days_left,
    off_permille,
    passed_days,
    pattern_of,
    top_up_hint,
)
from prepaid.domain.ledger import Head, Kind, Line, Posting, customer
from prepaid.domain.notices import NoticeKind
from prepaid.domain.preferences import Alerts
from prepaid.domain.tariffs import FlatTariff
from prepaid.storage.driver import Database
from prepaid.usecases.foresee import kept_of
from prepaid.usecases.move_debt import move_debt
from prepaid.usecases.show_balance import show_balance
from scheduler.jobs import forecasts
from tests.fakes.building import SITE, Building, build
from tests.fakes.clock import ManualClock

MONDAY = date(2026, 3, 2)
YUAN = 1_000_000
PLAIN = SiteCalendar()
OFFICE = {MONDAY - timedelta(days=back): 0 if back % 7 in (1, 2) else 10 * YUAN for back in range(1, 43)}
"""Six weeks of an office that uses nothing on Saturdays and Sundays."""


def at(day: int, hour: int = 0) -> datetime:
    """An instant of March 2026 on the site's clock."""
    return datetime(2026, 3, day, hour, tzinfo=UTC) - timedelta(hours=8)


def test_credit_lasts_over_a_weekend_without_use() -> None:
    """What ends on Friday evening by a plain mean lasts to Monday where weekends cost little."""
    pattern = pattern_of(OFFICE, MONDAY, PLAIN)
    assert pattern is not None
    assert pattern.day_micro[6] < pattern.day_micro[0] // 2
    left = days_left(pattern, 53 * YUAN, PLAIN, at(2))
    assert left is not None
    assert left.ends_at is not None
    assert left.ends_at > at(7), "after Friday"
    assert left.least <= left.days <= left.most


def test_a_holiday_counts_as_a_sunday_and_a_worked_saturday_does_not() -> None:
    """Days off and swapped days follow the site's calendar."""
    pattern = pattern_of(OFFICE, MONDAY, PLAIN)
    assert pattern is not None
    calendar = SiteCalendar(holidays=(date(2026, 3, 3),), working_days=(date(2026, 3, 7),))
    assert pattern.on(date(2026, 3, 3), calendar) == pattern.day_micro[6]
    assert pattern.on(date(2026, 3, 7), calendar) == pattern.day_micro[2]


def test_what_gets_through_the_holiday_does() -> None:
    """With the hint topped up there is no hint left, and credit outlasts the days off; without days off none."""
    pattern = Pattern(day_micro=(10 * YUAN,) * 7, spread_permille=200, days=42)
    calendar = SiteCalendar(holidays=tuple(date(2026, 3, 5) + timedelta(days=each) for each in range(3)))
    hint = top_up_hint(pattern, 20 * YUAN, calendar, at(2, 12))
    assert hint is not None
    assert (hint.first_day, hint.last_day) == (date(2026, 3, 5), date(2026, 3, 7))
    assert hint.amount_micro % YUAN == 0
    assert hint.amount_micro >= 35 * YUAN
    assert top_up_hint(pattern, 20 * YUAN + hint.amount_micro, calendar, at(2, 12)) is None
    left = days_left(pattern, 20 * YUAN + hint.amount_micro, calendar, at(2, 12))
    assert left is not None
    assert left.ends_at is not None
    assert left.ends_at >= at(8)
    assert top_up_hint(pattern, 0, PLAIN, at(2)) is None


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 50 * YUAN), min_size=5, max_size=42),
    st.integers(1, 2_000 * YUAN),
    st.integers(0, 60 * 24),
)
def test_more_credit_never_ends_sooner(values: list[int], credit: int, minute: int) -> None:
    """For any past, the interval holds the end, and another yuan never makes credit end sooner."""
    spent = {MONDAY - timedelta(days=back): value for back, value in enumerate(values, start=1)}
    pattern, now = pattern_of(spent, MONDAY, PLAIN), at(2) + timedelta(minutes=minute)
    assert pattern is not None
    left, more = days_left(pattern, credit, PLAIN, now), days_left(pattern, credit + YUAN, PLAIN, now)
    if left is None or more is None:
        assert not any(pattern.day_micro), "only who uses nothing is told nothing"
        return
    assert 0 <= left.least <= left.days <= left.most <= MOST_DAYS
    assert (more.days, more.least, more.most) >= (left.days, left.least, left.most)
    assert passed_days((left.days + 1,), left) == (left.days + 1 if left.ends_at else None)
    assert passed_days((max(1, left.days),), left) is None or left.days == 0


def test_little_is_known_little_is_said() -> None:
    """A few days, or days without use, make no forecast; one day of a silent meter does not spoil six weeks."""
    assert pattern_of({MONDAY - timedelta(days=1): YUAN}, MONDAY, PLAIN) is None
    idle = pattern_of({MONDAY - timedelta(days=9): 0}, MONDAY, PLAIN)
    assert idle is not None
    assert days_left(idle, YUAN, PLAIN, at(2)) is None
    even = {MONDAY - timedelta(days=back): 10 * YUAN for back in range(1, 43)}
    spiked = pattern_of({**even, MONDAY - timedelta(days=3): 500 * YUAN}, MONDAY, PLAIN)
    assert spiked is not None
    assert max(spiked.day_micro) < 16 * YUAN


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat with 100 yuan that used ten on each of twelve days."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=220 * YUAN)
    for day in range(12):
        clock.advance(days=1)
        await _use(building, 10 * YUAN, f"use:{day}")
    return building


async def _use(building: Building, amount_micro: int, key: str) -> None:
    now = building.clock.now()
    lines = (Line(customer("acc-1"), -amount_micro), Line("revenue:consumption", amount_micro))
    await building.business.store.ledger.post(
        Posting(
            account_id="acc-1",
            idem=key,
            kind=Kind.CONSUMPTION,
            lines=lines,
            effective_at=now,
            actor="clock",
            reason="use",
        )
    )


async def test_a_warning_by_days_comes_once_for_each_credit(building: Building) -> None:
    """N1, Y5: two schedulers, every day, tell each level once until money comes; then it can be told again."""
    store, clock = building.business.store, building.clock
    await store.sites.set_alerts("acc-1", Alerts(days_left=(7, 3)))
    jobs = [forecasts.job(building.business, owner) for owner in ("a", "b")]

    async def days(count: int) -> list[str]:
        before = {row.id for row in await store.notices.of_account("acc-1", 50)}
        for day in range(count):
            for job in jobs:
                await job.run()
            await _use(building, 10 * YUAN, f"later:{clock.now()}:{day}")
            clock.advance(days=1)
        rows = await store.notices.of_account("acc-1", 50)
        return sorted(row.id.split(":")[2] for row in rows if row.kind is NoticeKind.LOW_DAYS and row.id not in before)

    assert await days(8) == ["3d", "7d"]
    await building.give("acc-1", 90 * YUAN, "again")
    assert await days(9) == ["3d", "7d"]


async def test_the_balance_and_the_notice_say_how_long_it_lasts(building: Building) -> None:
    """The figures that people see are the forecast's, with the amount that gets through the days off."""
    store, clock = building.business.store, building.clock
    actor = await building.flat(1)
    assert (await show_balance(building.business, actor, "acc-1")).days_left is None
    off = tuple(clock.now().date() + timedelta(days=day) for day in (9, 10, 11))
    site = await store.sites.site(SITE)
    assert site is not None
    await store.sites.save_site(replace(site, calendar=replace(site.calendar, override_holidays=off)))
    await store.sites.set_alerts("acc-1", Alerts(days_left=(20,)))
    await forecasts.job(building.business, "a").run()
    view = await show_balance(building.business, actor, "acc-1")
    assert view.days_left is not None
    assert view.days_left.least <= 10 <= view.days_left.most
    assert view.hint is not None
    assert view.hint.last_day == off[-1]
    (row,) = [each for each in await store.notices.of_account("acc-1", 9) if each.kind is NoticeKind.LOW_DAYS]
    assert row.params["amount_micro"] == view.hint.amount_micro
    for language, words in (("zh", "就能用到假期结束"), ("en", "gets you through the holiday")):
        assert words in sentence(row, language)
    clock.advance(days=5)
    assert (await show_balance(building.business, actor, "acc-1")).days_left is None, "nobody foresaw for days"


EVEN = Pattern(day_micro=(10 * YUAN,) * 7, spread_permille=0, days=42)
OFF = SiteCalendar(holidays=tuple(date(2026, 4, day) for day in (1, 2, 3)))
"""Three days off that begin with a month."""
EVE = datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC)
"""A second before the first of them, in Shanghai."""


def hinted(pattern: Pattern, credit_micro: int, calendar: SiteCalendar, now: datetime, **more: Any) -> int:
    """Whole yuan; 0 where nothing is said."""
    hint = top_up_hint(pattern, credit_micro, calendar, now, **more)
    return 0 if hint is None else hint.amount_micro // YUAN


@pytest.mark.parametrize(
    ("calendar", "now"),
    [
        (PLAIN, EVE),
        (SiteCalendar(country="", time_zone="Europe/Berlin"), EVE),
        (replace(OFF, override_working_days=OFF.holidays), EVE),
        (OFF, at(1) + timedelta(days=34)),
        (OFF, at(17)),
    ],
)
def test_no_days_off_that_are_known_no_amount(calendar: SiteCalendar, now: datetime) -> None:
    """An empty calendar, one that the site overrules, days off that are over, and those beyond a fortnight."""
    assert hinted(EVEN, 1, calendar, now) == 0


def test_the_days_that_are_counted() -> None:
    """From a fortnight before, through the running day's rest, to the last midnight; on the last day its rest alone."""
    assert (hinted(EVEN, 1, OFF, at(17)), hinted(EVEN, 1, OFF, at(18)) > 0) == (0, True)
    with_drift = 30 * (PERMILLE + off_permille(EVEN, 4)) / PERMILLE
    assert hinted(EVEN, 1, OFF, EVE) == math.ceil(with_drift)
    last_noon = at(1, 12) + timedelta(days=33)
    assert hinted(EVEN, 1, OFF, last_noon) == math.ceil(5 * (PERMILLE + off_permille(EVEN, 1)) / PERMILLE)
    assert hinted(EVEN, 1, OFF, last_noon + timedelta(hours=12)) == 0


def test_enough_is_enough_to_the_last_micro() -> None:
    """What suffices is not asked for more, and a micro less is a whole yuan; debt is asked for too."""
    needed = 30 * YUAN
    needed += needed * off_permille(EVEN, 3) // PERMILLE
    begins = at(1) + timedelta(days=31)
    assert hinted(EVEN, needed, OFF, begins) == 0
    assert hinted(EVEN, needed - 1, OFF, begins) == 1
    assert hinted(EVEN, needed - YUAN, OFF, begins) == 1
    assert hinted(EVEN, needed - YUAN - 1, OFF, begins) == 2
    assert hinted(EVEN, -20 * YUAN, OFF, begins) == hinted(EVEN, 0, OFF, begins) + 20


@pytest.mark.parametrize(
    ("fees", "more"), [({1: 30}, 30), ({1: 30, 2: 1, 3: 1, 4: 1}, 32), ({4: 99}, 0), ({31: 99}, 0)]
)
def test_fees_that_fall_within_are_asked_for(fees: dict[int, int], more: int) -> None:
    """A month's fee on the first day off, and a day's on each; not that of the day after, nor the one that is paid."""
    without = hinted(EVEN, 1, OFF, EVE)
    assert hinted(EVEN, 1, OFF, EVE, coming=Coming(lambda day: fees.get(day.day, 0) * YUAN)) == without + more


def test_fees_end_credit_when_they_fall_due() -> None:
    """Credit for five days ends at the midnight of a fee that is more than what is left; without use too."""
    left = days_left(EVEN, 50 * YUAN, PLAIN, at(30), coming=Coming(lambda day: 30 * YUAN if day.day == 1 else 0))
    assert left is not None
    assert left.ends_at == datetime(2026, 3, 31, 16, tzinfo=UTC)
    idle = Pattern(day_micro=(0,) * 7, spread_permille=0, days=42)
    left = days_left(idle, 25 * YUAN, PLAIN, at(1), coming=Coming(lambda _: 10 * YUAN))
    assert left is not None
    assert (left.ends_at, left.least, left.most) == (at(4), 3, 3)
    assert days_left(idle, 25 * YUAN, PLAIN, at(1)) is None


@settings(max_examples=200)
@given(
    st.integers(-300 * YUAN, 900 * YUAN),
    st.integers(0, 200 * YUAN),
    st.integers(0, 999),
    st.integers(0, 50 * YUAN),
    st.none() | st.integers(0, 40 * YUAN),
)
def test_the_amount_is_the_least_that_suffices(
    balance: int, owed: int, permille: int, emergency: int, cap: int | None
) -> None:
    """P6, T4: whatever arrears take of it, and with emergency credit gone, it gets through; a yuan less does not."""
    account = Account(id="a", site_id=SITE, path="acme/maple/a", label="a", emergency_micro=emergency)
    credit_rules = CreditRules(recovery_permille=permille, recovery_cap_top_up_micro=cap)
    site = Site(id=SITE, name="x", path="acme/maple", tariff=FlatTariff(id="t", price_micro_per_kwh=1), calendar=OFF)
    head = Head(balance_micro=balance, aside=Aside(arrears_micro=owed))
    kept = kept_of(replace(site, credit=credit_rules), account, head, EVE)
    yuan = hinted(EVEN, balance - account.floor_micro, OFF, EVE, kept=kept)

    def lasts(more: int) -> bool:
        rule = credit_rules.recovery("2026-03")
        share = share_of(more * YUAN, balance_micro=balance, aside=head.aside, recovery=rule)
        after = balance + more * YUAN - share - (account.floor_micro if more == 0 else 0)
        return hinted(EVEN, after, OFF, EVE) == 0

    assert lasts(yuan)
    assert yuan == 0 or not lasts(yuan - 1)


async def test_fees_are_no_habit_and_arrears_take_their_share(building: Building) -> None:
    """P6: a month's fee in the past raises no day; paying what is asked for leaves nothing to ask, debts and all."""
    store, clock = building.business.store, building.clock
    actor = await building.flat(1)
    site = await store.sites.site(SITE)
    assert site is not None
    off = tuple(date(2026, 4, day) for day in (1, 2, 3))
    fee = FixedFee(id="network", every=Every.MONTH, amount_micro=70 * YUAN, since=date(2026, 1, 1))
    calendar = replace(site.calendar, override_holidays=off)
    building.site = replace(site, calendar=calendar, credit=replace(site.credit, fees=(fee,)))
    await store.sites.save_site(building.site)
    clock.set(datetime(2026, 3, 20, 4, tzinfo=UTC))
    desk = await building.operator(role=Role.FINANCE)
    await building.give("acc-1", -170 * YUAN, "spent")
    await move_debt(building.business, desk, "acc-1", 60 * YUAN, key="d", why="x")
    await building.give("acc-1", 80 * YUAN, "lent")
    await forecasts.job(building.business, "a").run()
    before = await show_balance(building.business, actor, "acc-1")
    assert before.hint is not None
    assert before.hint.amount_micro > 70 * YUAN, "with the fee of the first"
    await building.paid(actor, 1, before.hint.amount_micro // 10_000)
    after = await show_balance(building.business, actor, "acc-1")
    assert after.balance_micro < before.balance_micro + before.hint.amount_micro, "arrears took a share"
    assert after.hint is None
