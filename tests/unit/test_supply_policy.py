"""The supply policy, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.supply import (
    Facts,
    Hold,
    HoldKind,
    Supply,
    SupplyPolicy,
    Verb,
    Wanted,
    decide,
    still_right,
)

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
POLICY = SupplyPolicy(warning_lead_s=3600)
CALENDAR = SiteCalendar(time_zone="Asia/Shanghai")
SUPPLY = Supply(
    meter_id="m",
    account_id="a",
    site_id="s",
    gateway_id="g",
    path="org/s/1",
    wanted=Wanted(at=NOW - timedelta(days=1)),
)
READY = Facts(
    balance_micro=-1,
    floor_micro=0,
    supply=SUPPLY,
    reading_at=NOW,
    fresh_run=2,
    reading_held=False,
    money_on_its_way=False,
    warned_at=NOW - timedelta(hours=2),
    warning_queued=True,
    protected_customer=False,
    gateway_down=False,
)
"""Everything speaks for a cut."""
OFF = replace(SUPPLY, wanted=Wanted(on=False, generation=1, reason="rule.no_credit", at=NOW))


def verb(facts: Facts, calendar: SiteCalendar = CALENDAR, now: datetime = NOW) -> Verb:
    """The verdict's verb."""
    return decide(facts, POLICY, calendar, now).verb


def test_without_credit_and_without_doubt_it_is_cut() -> None:
    """S3: the one state in which the light goes off."""
    assert verb(READY) is Verb.CUT


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"store_or_clock_doubtful": True}, "rule.doubt_system"),
        ({"gateway_down": True}, "rule.doubt_gateway"),
        ({"money_on_its_way": True}, "rule.doubt_money"),
        ({"reading_held": True}, "rule.doubt_reading"),
        ({"reading_at": None}, "rule.doubt_stale"),
        ({"reading_at": NOW - timedelta(minutes=16)}, "rule.doubt_stale"),
        ({"fresh_run": 1}, "rule.doubt_single"),
        ({"protected_customer": True}, "rule.protected_customer"),
        ({"warned_at": None}, "rule.warn_first"),
        ({"warned_at": NOW - timedelta(minutes=59)}, "rule.warning_lead"),
        ({"supply": replace(SUPPLY, switched_on_at=NOW - timedelta(minutes=4))}, "rule.just_restored"),
        ({"operations_today": 8}, "rule.daily_cap"),
        ({"cuts_last_hour": 20}, "rule.blast_limit"),
        ({"supply": replace(SUPPLY, hold=Hold(kind=HoldKind.ON, by="x", why="y"))}, "rule.held_on"),
        ({"supply": replace(SUPPLY, hold=Hold(kind=HoldKind.OFF, by="x", why="y"))}, "rule.maintenance"),
        ({"balance_micro": 1}, "rule.credit"),
    ],
)
def test_each_reason_spares_by_its_own_rule(change: dict[str, object], rule: str) -> None:
    """S2, S3, S7, S8, S9, S10: any one doubt or protection is enough to keep the light on."""
    facts = replace(READY, **change)  # type: ignore[arg-type]
    verdict = decide(facts, POLICY, CALENDAR, NOW)
    assert verdict.verb is not Verb.CUT
    assert verdict.rule == rule
    assert still_right(replace(facts, supply=replace(facts.supply, wanted=OFF.wanted)), POLICY, CALENDAR, NOW, on=False)


def test_the_first_time_without_credit_asks_for_a_warning() -> None:
    """N2: warn when no warning is in the outbox, and only then."""
    assert verb(replace(READY, warned_at=None, warning_queued=False)) is Verb.WARN
    assert verb(replace(READY, warned_at=None, warning_queued=True)) is Verb.KEEP


def test_credit_restores_at_any_hour() -> None:
    """S1, S7: protected hours, doubts, caps: none of them delays a restore."""
    night = SiteCalendar(time_zone="Asia/Shanghai", protected=(Window(since=time(0), until=time(0)),))
    doubtful = replace(
        READY, supply=OFF, balance_micro=1, gateway_down=True, money_on_its_way=True, operations_today=99, fresh_run=0
    )
    assert verb(doubtful, night) is Verb.RESTORE


def test_a_maintenance_tag_beats_credit() -> None:
    """S12: no remote on while the tag is set, and again at once when its time is over."""
    tagged = replace(OFF, hold=Hold(kind=HoldKind.OFF, by="x", why="y", until=NOW + timedelta(hours=1)))
    assert verb(replace(READY, supply=tagged, balance_micro=1)) is Verb.KEEP
    assert verb(replace(READY, supply=tagged, balance_micro=1), now=NOW + timedelta(hours=1)) is Verb.RESTORE
    on = replace(tagged, wanted=Wanted(on=True, generation=2, at=NOW))
    assert still_right(replace(READY, supply=on), POLICY, CALENDAR, NOW, on=True).verb is Verb.KEEP


def test_a_cut_by_hand_is_left_to_hands() -> None:
    """A3: neither credit nor its absence changes it."""
    by_hand = replace(OFF, wanted=replace(OFF.wanted, by_hand=True))
    assert verb(replace(READY, supply=by_hand, balance_micro=10**9)) is Verb.KEEP


@pytest.mark.parametrize(
    ("local", "spared"),
    [("2026-03-02 21:59", False), ("2026-03-02 22:00", True), ("2026-03-03 07:59", True), ("2026-03-03 08:00", False)],
)
def test_protected_hours_run_past_midnight_in_site_time(local: str, spared: bool) -> None:
    """S2: judged by the wall clock of the site, to the minute."""
    calendar = SiteCalendar(time_zone="Asia/Shanghai", protected=(Window(since=time(22), until=time(8)),))
    now = datetime.fromisoformat(f"{local}+08:00").astimezone(UTC)
    facts = replace(READY, reading_at=now, warned_at=now - timedelta(hours=2))
    assert (verb(facts, calendar, now) is Verb.KEEP) is spared


def test_a_window_belongs_to_the_day_on_which_it_began() -> None:
    """S2: Friday night's window covers early Saturday, and not early Friday."""
    friday_night = Window(since=time(22), until=time(8), weekdays=(4,))
    calendar = SiteCalendar(time_zone="UTC", protected=(friday_night,))
    assert calendar.protection(datetime(2026, 3, 7, 3, 0, tzinfo=UTC)) == "rule.protected_hours"
    assert calendar.protection(datetime(2026, 3, 6, 3, 0, tzinfo=UTC)) is None


def test_holidays_and_weather_hold_spare() -> None:
    """S2: whole local days, and until an instant."""
    calendar = SiteCalendar(time_zone="Asia/Shanghai", holidays=(date(2026, 3, 2),))
    assert calendar.protection(NOW) == "rule.holiday"
    cold = SiteCalendar(weather_hold_until=NOW + timedelta(minutes=1))
    assert cold.protection(NOW) == "rule.weather_hold"
    assert cold.protection(NOW + timedelta(minutes=1)) is None


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_protected_hours_hold_through_both_clock_changes(zone: str) -> None:
    """S2, F34: on days of 23 and 25 hours the end of protection is still the local hour."""
    calendar = SiteCalendar(time_zone=zone, protected=(Window(since=time(22), until=time(8)),))
    for day in ("2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31"):
        night = datetime.fromisoformat(f"{day}T23:30:00").replace(tzinfo=calendar.local(NOW).tzinfo)
        until = calendar.protected_until(night.astimezone(UTC))
        assert until is not None
        assert calendar.local(until).time() == time(8)


LONG_AGO = NOW - timedelta(minutes=16)
UNTIL = NOW + timedelta(hours=1)
KEPT_ON = Hold(kind=HoldKind.ON, by="ann", why="oxygen", until=UNTIL)
TAG = Hold(kind=HoldKind.OFF, by="bob", why="rewiring", until=UNTIL)
BY_HAND = replace(
    OFF, wanted=Wanted(on=False, generation=3, reason="rule.cut_by_hand", actor="eve", at=NOW, by_hand=True)
)
MONEY = {"balance_micro": -1, "floor_micro": 0}


@pytest.mark.parametrize(
    ("change", "verb", "rule", "again_at", "inputs"),
    [
        ({}, Verb.CUT, "rule.no_credit", None, MONEY),
        ({"supply": OFF}, Verb.KEEP, "rule.no_credit", None, MONEY),
        (
            {"supply": OFF, "balance_micro": 5},
            Verb.RESTORE,
            "rule.credit",
            None,
            {"balance_micro": 5, "floor_micro": 0},
        ),
        ({"balance_micro": 5}, Verb.KEEP, "rule.credit", None, {"balance_micro": 5, "floor_micro": 0}),
        ({"supply": BY_HAND}, Verb.KEEP, "rule.by_hand", None, {"by": "eve"}),
        ({"supply": replace(SUPPLY, hold=KEPT_ON)}, Verb.KEEP, "rule.held_on", UNTIL, {"by": "ann", "why": "oxygen"}),
        ({"supply": replace(OFF, hold=KEPT_ON)}, Verb.RESTORE, "rule.held_on", UNTIL, {"by": "ann", "why": "oxygen"}),
        ({"supply": replace(OFF, hold=TAG)}, Verb.KEEP, "rule.maintenance", UNTIL, {"by": "bob", "why": "rewiring"}),
        (
            {"reading_at": LONG_AGO},
            Verb.KEEP,
            "rule.doubt_stale",
            None,
            {"limit_s": 900, "reading_at": LONG_AGO.isoformat()},
        ),
    ],
)
def test_a_verdict_says_exactly_by_what(
    change: dict[str, object], verb: Verb, rule: str, again_at: datetime | None, inputs: dict[str, object]
) -> None:
    """A3: verb, rule, when to look again, and the figures of the sentence, to the letter."""
    verdict = decide(replace(READY, **change), POLICY, CALENDAR, NOW)  # type: ignore[arg-type]
    assert (verdict.verb, verdict.rule, verdict.again_at, dict(verdict.inputs)) == (verb, rule, again_at, inputs)


ON_AGAIN = replace(SUPPLY, wanted=Wanted(on=True, generation=4, reason="rule.credit", at=NOW))


@pytest.mark.parametrize(
    ("change", "on", "verb", "rule"),
    [
        ({"supply": OFF}, False, Verb.CUT, "rule.no_credit"),
        ({"supply": OFF, "balance_micro": 5}, False, Verb.RESTORE, "rule.credit"),
        ({"supply": OFF, "money_on_its_way": True}, False, Verb.KEEP, "rule.doubt_money"),
        ({"supply": replace(OFF, hold=KEPT_ON)}, False, Verb.RESTORE, "rule.held_on"),
        ({"supply": replace(OFF, hold=TAG), "balance_micro": 5}, False, Verb.CUT, "rule.no_credit"),
        ({"supply": BY_HAND, "balance_micro": 5}, False, Verb.CUT, "rule.cut_by_hand"),
        ({"supply": ON_AGAIN}, True, Verb.RESTORE, "rule.credit"),
        ({"supply": replace(ON_AGAIN, hold=KEPT_ON)}, True, Verb.RESTORE, "rule.credit"),
        ({"supply": replace(ON_AGAIN, hold=TAG)}, True, Verb.KEEP, "rule.maintenance"),
        ({"supply": replace(ON_AGAIN, hold=replace(TAG, until=NOW))}, True, Verb.RESTORE, "rule.credit"),
    ],
)
def test_the_last_moment_check_to_the_letter(*, change: dict[str, object], on: bool, verb: Verb, rule: str) -> None:
    """S2, S3, S12: what may still leave for the relay, by which rule."""
    verdict = still_right(replace(READY, **change), POLICY, CALENDAR, NOW, on=on)  # type: ignore[arg-type]
    assert (verdict.verb, verdict.rule) == (verb, rule)


def test_waiting_verdicts_say_until_when() -> None:
    """N4: protected hours and a fresh restore name the instant at which the answer may change."""
    night = SiteCalendar(time_zone="UTC", protected=(Window(since=time(0), until=time(8)),))
    spared = decide(READY, POLICY, night, NOW)
    eight = NOW.replace(hour=8)
    assert (spared.again_at, dict(spared.inputs)) == (eight, {"until_at": eight.isoformat()})
    on_at = NOW - timedelta(minutes=4)
    fresh = decide(replace(READY, supply=replace(SUPPLY, switched_on_at=on_at)), POLICY, CALENDAR, NOW)
    assert (fresh.rule, fresh.again_at) == ("rule.just_restored", on_at + timedelta(seconds=300))
    assert dict(fresh.inputs) == {"restored_at": on_at.isoformat()}
    early = decide(replace(READY, warned_at=NOW), POLICY, CALENDAR, NOW)
    assert (early.rule, early.again_at) == ("rule.warning_lead", NOW + timedelta(hours=1))
    first = decide(replace(READY, warned_at=None, warning_queued=False), POLICY, CALENDAR, NOW)
    assert (first.verb, first.rule, first.cut_at) == (Verb.WARN, "rule.warn_first", NOW + timedelta(hours=1))
    assert dict(first.inputs) == {"lead_s": 3600, "cut_at": (NOW + timedelta(hours=1)).isoformat()}
