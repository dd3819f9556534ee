"""What the supply policy must never do, over all the facts there can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.supply import Facts, Hold, HoldKind, Supply, SupplyPolicy, Verb, Wanted, decide, still_right

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WHEN = st.none() | st.integers(-200_000, 0).map(lambda s: NOW + timedelta(seconds=s))
HOLDS = st.none() | st.builds(
    Hold,
    kind=st.sampled_from(HoldKind),
    by=st.just("x"),
    why=st.just("y"),
    until=st.none() | st.integers(-100, 100).map(lambda s: NOW + timedelta(seconds=s)),
)
WANTED = st.builds(
    Wanted, on=st.booleans(), generation=st.integers(0, 9), reason=st.just("r"), at=st.just(NOW), by_hand=st.booleans()
)
SUPPLIES = st.builds(
    Supply,
    meter_id=st.just("m"),
    account_id=st.just("a"),
    site_id=st.just("s"),
    gateway_id=st.just("g"),
    path=st.just("p"),
    wanted=WANTED,
    hold=HOLDS,
    switched_on_at=WHEN,
)
FACTS = st.builds(
    Facts,
    balance_micro=st.integers(-(10**9), 10**9),
    floor_micro=st.integers(-(10**8), 0),
    supply=SUPPLIES,
    reading_at=WHEN,
    fresh_run=st.integers(0, 4),
    reading_held=st.booleans(),
    money_on_its_way=st.booleans(),
    warned_at=WHEN,
    warning_queued=st.booleans(),
    protected_customer=st.booleans(),
    gateway_down=st.booleans(),
    store_or_clock_doubtful=st.booleans(),
    cuts_last_hour=st.integers(0, 30),
    operations_today=st.integers(0, 12),
    reminded_at=st.lists(WHEN, max_size=3).map(tuple),
    cuts_last_day=st.integers(0, 30),
    site_supplies=st.integers(0, 60),
    mass_cut_until=st.none() | st.integers(-100, 100).map(lambda s: NOW + timedelta(seconds=s)),
)
POLICIES = st.builds(
    SupplyPolicy,
    warning_lead_s=st.sampled_from([0, 60, 86_400]),
    reminder_leads_s=st.sampled_from([(), (30,), (3_600, 60)]),
)
CALENDARS = st.sampled_from(
    [SiteCalendar(), SiteCalendar(protected=(Window(since=time(0), until=time(0)),)), SiteCalendar(time_zone="UTC")]
)


@given(FACTS, POLICIES, CALENDARS)
def test_a_cut_has_every_condition_fulfilled(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar) -> None:
    """S2, S3, S7, S8, S9, S10: the verdict to cut implies each single condition, stated here a second time."""
    if decide(facts, policy, calendar, NOW).verb is not Verb.CUT:
        return
    supply = facts.supply
    assert supply.wanted.on
    assert facts.balance_micro <= facts.floor_micro
    assert calendar.protection(NOW) is None
    doubts = (facts.money_on_its_way, facts.gateway_down, facts.reading_held, facts.store_or_clock_doubtful)
    assert not any(doubts)
    assert not facts.protected_customer
    assert facts.reading_at is not None
    assert (NOW - facts.reading_at).total_seconds() <= policy.reading_fresh_s
    assert facts.fresh_run >= policy.fresh_readings
    assert facts.warned_at is not None
    assert (NOW - facts.warned_at).total_seconds() >= policy.warning_lead_s
    assert facts.operations_today < policy.operations_a_day
    assert facts.cuts_last_hour < policy.cuts_a_site_hour
    _assert_ladder_is_over(facts, policy)
    _assert_share_of_the_site_is_kept(facts, policy)
    hold = supply.hold
    assert hold is None or (hold.until is not None and hold.until <= NOW)


def _assert_ladder_is_over(facts: Facts, policy: SupplyPolicy) -> None:
    """Each reminder was delivered or exhausted, as long before the cut as it promises."""
    for rung, lead_s in enumerate(policy.reminder_leads_s):
        done_at = facts.reminded_at[rung]
        assert done_at is not None
        assert (NOW - done_at).total_seconds() >= lead_s


def _assert_share_of_the_site_is_kept(facts: Facts, policy: SupplyPolicy) -> None:
    if facts.site_supplies == 0 or (facts.mass_cut_until is not None and facts.mass_cut_until > NOW):
        return
    cuts = facts.cuts_last_day + 1
    assert cuts <= policy.cuts_site_free or cuts / facts.site_supplies <= policy.cuts_site_permille / 1000


@given(FACTS, POLICIES, CALENDARS)
def test_a_verdict_names_its_rule_and_what_it_waits_for(
    facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar
) -> None:
    """N2, S13: a notice is asked for with its rung and the cut it speaks of, and no instant to look again is past."""
    verdict = decide(facts, policy, calendar, NOW)
    assert verdict.rule.startswith("rule.") or verdict.rule == facts.supply.wanted.reason
    assert verdict.again_at is None or verdict.again_at > NOW
    if verdict.verb is Verb.WARN:
        assert verdict.rung <= len(policy.reminder_leads_s)
        assert verdict.cut_at is not None
        assert (verdict.cut_at - NOW).total_seconds() >= policy.leads_s[verdict.rung]


@given(FACTS, POLICIES, CALENDARS)
def test_restoring_is_always_allowed_except_under_a_tag(
    facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar
) -> None:
    """S7, S12: at the last moment nothing holds an "on" back but somebody working on the installation."""
    hold = facts.supply.hold
    tagged = hold is not None and hold.kind is HoldKind.OFF and (hold.until is None or hold.until > NOW)
    assert (still_right(facts, policy, calendar, NOW, on=True).verb is Verb.RESTORE) is not tagged


@given(FACTS, POLICIES, CALENDARS)
def test_more_credit_never_cuts(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar) -> None:
    """S1, P6: a lower floor, as by emergency credit, turns no verdict into a cut."""
    if decide(facts, policy, calendar, NOW).verb is Verb.CUT:
        return
    lent = replace(facts, floor_micro=facts.floor_micro - 10**7)
    assert decide(lent, policy, calendar, NOW).verb is not Verb.CUT


@given(FACTS, POLICIES, CALENDARS)
def test_the_same_facts_give_the_same_verdict(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar) -> None:
    """Y6, S13: decided from facts alone, so deciding again after an outage decides the same."""
    assert decide(facts, policy, calendar, NOW) == decide(facts, policy, calendar, NOW)


@given(FACTS, POLICIES, CALENDARS)
def test_credit_never_waits_in_the_dark(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar) -> None:
    """S1, S12: off with credit is restored, unless a tag or a person's word says otherwise."""
    supply = facts.supply
    tagged = supply.hold is not None and (supply.hold.until is None or supply.hold.until > NOW)
    if supply.wanted.on or supply.wanted.by_hand or tagged or facts.balance_micro <= facts.floor_micro:
        return
    assert decide(facts, policy, calendar, NOW).verb is Verb.RESTORE


@given(FACTS, POLICIES, CALENDARS)
def test_the_last_moment_check_is_never_laxer_than_the_decision(
    facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar
) -> None:
    """S2, S3: a cut by rule that may still go out would also be decided now."""
    supply = facts.supply
    if supply.wanted.by_hand or supply.wanted.on or (supply.hold and supply.hold.kind is HoldKind.OFF):
        return
    if still_right(facts, policy, calendar, NOW, on=False).verb is not Verb.CUT:
        return
    again = replace(facts, supply=replace(supply, wanted=replace(supply.wanted, on=True)))
    assert decide(again, policy, calendar, NOW).verb is Verb.CUT
