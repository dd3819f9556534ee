"""The ladder of notices, the limit on a site's share, worked weekends, and the figures behind each verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.holidays import HolidayTable, merge, table
from prepaid.domain.supply import Facts, SupplyPolicy, Verb, Verdict, decide
from tests.unit.test_supply_policy import CALENDAR, NOW, READY, SUPPLY

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LADDER = SupplyPolicy(warning_lead_s=7 * 86_400, reminder_leads_s=(3 * 86_400, 3_600, 1_800))
START = NOW - timedelta(days=7)
"""When the first notice of a ladder that ends now was delivered."""


def at(moment: datetime, *reminded: datetime | None, calendar: SiteCalendar = CALENDAR) -> Verdict:
    """The verdict at an instant, with those reminders in the outbox."""
    facts = replace(READY, warned_at=START, reminded_at=reminded, reading_at=moment)
    return decide(facts, LADDER, calendar, moment)


def test_each_rung_waits_for_its_time() -> None:
    """N2: seven days, three days, one hour, half an hour before: asked for then, and not sooner."""
    second, third, fourth = NOW - 3 * DAY, NOW - HOUR, NOW - HOUR / 2
    just_before = timedelta(seconds=1)
    assert at(second - just_before).again_at == second
    assert (at(second).verb, at(second).rung, at(second).cut_at) == (Verb.WARN, 1, NOW)
    assert at(third - just_before, second).again_at == third
    assert (at(third, second).verb, at(third, second).rung) == (Verb.WARN, 2)
    assert (at(fourth, second, third).verb, at(fourth, second, third).rung) == (Verb.WARN, 3)
    assert at(NOW - just_before, second, third, fourth).rule == "rule.warning_lead"
    assert at(NOW, second, third, fourth).verb is Verb.CUT


def test_a_rung_that_is_not_delivered_holds_the_cut() -> None:
    """N2, S3: in the outbox is not yet delivered, and nothing is asked for twice meanwhile."""
    verdict = at(NOW + DAY, NOW - 3 * DAY, None)
    assert (verdict.verb, verdict.rule, verdict.inputs["rung"]) == (Verb.KEEP, "rule.remind_first", 2)


def test_a_late_rung_keeps_its_distance() -> None:
    """N2: three days' notice that was delivered late still leaves three days."""
    late = NOW - DAY
    verdict = at(NOW, late)
    assert (verdict.verb, verdict.again_at) == (Verb.KEEP, late + 3 * DAY - HOUR)
    assert at(late + 3 * DAY - HOUR, late).verb is Verb.WARN


def test_a_reminder_counts_back_from_the_hour_of_the_cut() -> None:
    """N2, S2: when the cut falls into protected hours, "an hour before" is an hour before they end."""
    calendar = SiteCalendar(time_zone="UTC", protected=(Window(since=time(0), until=time(9)),))
    verdict = at(NOW, NOW - 3 * DAY, calendar=calendar)
    assert (verdict.verb, verdict.again_at) == (Verb.KEEP, NOW.replace(hour=8))


def test_one_lead_alone_is_the_ladder_of_one() -> None:
    """N2: without reminders nothing changes."""
    policy = SupplyPolicy(warning_lead_s=3_600)
    assert policy.leads_s == (3_600,)
    assert decide(replace(READY, warned_at=NOW - HOUR), policy, CALENDAR, NOW).verb is Verb.CUT
    first = decide(replace(READY, warned_at=None, warning_queued=False), policy, CALENDAR, NOW)
    assert (first.verb, first.rung, first.cut_at) == (Verb.WARN, 0, NOW + HOUR)


@pytest.mark.parametrize(
    ("cuts", "supplies", "verb"),
    [
        (29, 100, Verb.CUT),
        (30, 100, Verb.KEEP),
        (9, 12, Verb.CUT),
        (10, 12, Verb.KEEP),
        (10, 0, Verb.CUT),
        (10, 36, Verb.KEEP),
        (10, 37, Verb.CUT),
    ],
)
def test_a_large_share_of_a_site_needs_a_second_person(cuts: int, supplies: int, verb: Verb) -> None:
    """S8: more than 300 in a thousand within a day waits; the first ten of a small site do not."""
    policy = SupplyPolicy(warning_lead_s=3_600, cuts_a_site_hour=1_000)
    facts = replace(READY, cuts_last_day=cuts, site_supplies=supplies)
    verdict = decide(facts, policy, CALENDAR, NOW)
    assert verdict.verb is verb
    if verb is Verb.KEEP:
        assert verdict.rule == "rule.blast_limit_site"
        agreed = replace(facts, mass_cut_until=NOW + HOUR)
        assert decide(agreed, policy, CALENDAR, NOW).verb is Verb.CUT
        assert decide(replace(facts, mass_cut_until=NOW), policy, CALENDAR, NOW).verb is Verb.KEEP


SATURDAY, SUNDAY, MONDAY = date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)
WEEKEND = SiteCalendar(time_zone="UTC", protected=(Window(since=time(0), until=time(0), weekdays=(5, 6)),))


def protection(calendar: SiteCalendar, day: date) -> str | None:
    """What forbids cuts at that day's noon."""
    return calendar.protection(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def test_a_worked_saturday_has_the_hours_of_a_weekday() -> None:
    """S2: a day that is worked in exchange for a holiday is no weekend."""
    assert protection(WEEKEND, SATURDAY) == "rule.protected_hours"
    worked = replace(WEEKEND, working_days=(SATURDAY,))
    assert protection(worked, SATURDAY) is None
    assert protection(worked, SUNDAY) == "rule.protected_hours"


def test_a_window_of_the_night_before_follows_the_day_on_which_it_began() -> None:
    """S2: Saturday's night protects early Sunday only while Saturday is free."""
    night = Window(since=time(20), until=time(8), weekdays=(5,))
    calendar = SiteCalendar(time_zone="UTC", protected=(night,))
    early = datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert calendar.protection(early) == "rule.protected_hours"
    assert replace(calendar, working_days=(SATURDAY,)).protection(early) is None


def test_what_people_set_wins_over_what_was_published() -> None:
    """S2: a site may work on a holiday, and rest on a day that everybody else works."""
    published = replace(WEEKEND, holidays=(MONDAY,), working_days=(SATURDAY,))
    assert protection(published, MONDAY) == "rule.holiday"
    assert protection(replace(published, override_working_days=(MONDAY,)), MONDAY) is None
    assert protection(replace(published, override_holidays=(SATURDAY,)), SATURDAY) == "rule.holiday"
    assert protection(replace(WEEKEND, override_working_days=(SATURDAY,)), SATURDAY) is None


def test_tables_are_merged_in_order_and_in_doubt_nobody_is_cut_off() -> None:
    """S2: a day that two sources judge differently is a holiday; a worked day is always one of a weekend."""
    first = table(frozenset({MONDAY}), frozenset({SATURDAY, date(2026, 3, 3)}))
    assert first == HolidayTable((MONDAY,), (SATURDAY,))
    assert merge(first, HolidayTable((SATURDAY,), ())) == HolidayTable((SATURDAY, MONDAY), ())


@pytest.mark.parametrize(
    ("change", "inputs"),
    [
        ({"balance_micro": 7}, {"balance_micro": 7, "floor_micro": 0}),
        ({}, {"balance_micro": -1, "floor_micro": 0}),
        ({"fresh_run": 1}, {"readings": 1, "needed": 2}),
        ({"reading_at": None}, {"limit_s": 900}),
        ({"operations_today": 9}, {"operations": 9, "limit": 8}),
        ({"cuts_last_hour": 21}, {"cuts": 21, "limit": 20}),
        (
            {"supply": replace(SUPPLY, switched_on_at=NOW)},
            {"restored_at": NOW.isoformat()},
        ),
        ({"warned_at": NOW}, {"cut_at": (NOW + HOUR).isoformat()}),
    ],
)
def test_a_verdict_says_what_it_looked_at(change: dict[str, object], inputs: dict[str, object]) -> None:
    """N4: the figures of a sentence are those by which was decided."""
    facts: Facts = replace(READY, **change)  # type: ignore[arg-type]
    assert decide(facts, SupplyPolicy(warning_lead_s=3_600), CALENDAR, NOW).inputs == inputs
