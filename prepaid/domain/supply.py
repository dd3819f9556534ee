"""Decides whether a meter should be on. Pure: give it facts and the hour, it gives a verdict and its reason.

In doubt nothing is cut off; restoring is allowed at all hours, except under a maintenance lock (S2, S3, S7-S10, S12).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.calendar import SiteCalendar


class Verb(StrEnum):
    """What the policy asks for."""

    KEEP = "keep"
    WARN = "warn"
    CUT = "cut"
    RESTORE = "restore"


class Outcome(StrEnum):
    """How far the wanted state has come (S4)."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


class HoldKind(StrEnum):
    """A person's word that overrides the balance."""

    ON = "on"
    """Protect: never cut this supply."""
    OFF = "off"
    """Maintenance tag: never switch this supply on from afar (S12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyPolicy:
    """The numbers of a site."""

    low_balance_micro: tuple[int, ...] = (20_000_000, 5_000_000)
    """Warning levels, highest first."""
    warning_lead_s: int = 24 * 3600
    """A cut comes no sooner than this after its warning was delivered, or its ladder exhausted."""
    reading_fresh_s: int = 15 * 60
    fresh_readings: int = 2
    no_off_after_on_s: int = 5 * 60
    operations_a_day: int = 8
    cuts_a_site_hour: int = 20
    """Blast limit: more cut-offs than this in one site and hour wait for a person."""
    command_ttl_s: int = 60
    settle_every_s: int = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The state a supply should have. Newer generations win; numbers are never reused (S6)."""

    on: bool = True
    generation: int = 0
    reason: str = "rule.initial"
    actor: str = "clock"
    at: datetime
    by_hand: bool = False
    """Set by an admin: money does not undo it, another admin's word does."""
    cause: str = ""
    """The order whose payment brought the supply back, so that its thread can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the relay itself said, and when."""

    on: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Who holds a supply on or off, why, and until when."""

    kind: HoldKind
    by: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Wanted against reported for one meter; the bus owner closes the gap."""

    meter_id: str
    account_id: str | None
    site_id: str
    gateway_id: str
    path: str
    wanted: Wanted
    reported: Reported | None = None
    outcome: Outcome = Outcome.PENDING
    hold: Hold | None = None
    switched_on_at: datetime | None = None
    operations: int = 0
    operations_day: str = ""
    attempts: int = 0
    """Tries to bring the relay to the present generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything `decide` looks at, read together."""

    balance_micro: int
    floor_micro: int
    """Cut only below or at this (0, or minus the overdraft)."""
    supply: Supply
    reading_at: datetime | None
    fresh_run: int
    reading_held: bool
    money_on_its_way: bool
    """An order paid or unknown, or an inbox row not yet worked (S3)."""
    warned_at: datetime | None
    """When the balance-gone warning was delivered or its ladder exhausted; None while neither."""
    warning_queued: bool
    protected_customer: bool
    gateway_down: bool
    store_or_clock_doubtful: bool = False
    cuts_last_hour: int = 0
    operations_today: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, by which rule (a text key), and when to look again if time alone changes the answer."""

    verb: Verb
    rule: str
    again_at: datetime | None = None


def decide(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime) -> Verdict:
    """The one supply policy. Order matters: locks, then restoring, then every reason to spare, then warn, then cut."""
    supply = facts.supply
    hold = _live(supply.hold, now)
    if hold is not None and hold.kind is HoldKind.OFF:
        return Verdict(verb=Verb.KEEP, rule="rule.maintenance", again_at=hold.until)
    if hold is not None and hold.kind is HoldKind.ON:
        return _want_on(supply, "rule.held_on", again_at=hold.until)
    if supply.wanted.by_hand:
        return Verdict(verb=Verb.KEEP, rule="rule.by_hand")
    if facts.balance_micro > facts.floor_micro:
        return _want_on(supply, "rule.credit")
    if not supply.wanted.on:
        return Verdict(verb=Verb.KEEP, rule="rule.no_credit")
    spared = _spared(facts, policy, calendar, now)
    if spared is not None:
        return spared
    return Verdict(verb=Verb.CUT, rule="rule.no_credit")


def still_right(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime, *, on: bool) -> Verdict:
    """Asked again in the last moment before a frame leaves: would the same switch be decided now (S2, S3)?

    For a cut the wanted state is already off, so the decision is taken as if it were still on.
    """
    supply = facts.supply
    hold = _live(supply.hold, now)
    if hold is not None and hold.kind is HoldKind.OFF and on:
        return Verdict(verb=Verb.KEEP, rule="rule.maintenance", again_at=hold.until)
    if on:
        return Verdict(verb=Verb.RESTORE, rule=supply.wanted.reason)
    if hold is not None and hold.kind is HoldKind.ON:
        return _want_on(supply, "rule.held_on", again_at=hold.until)
    if supply.wanted.by_hand or (hold is not None and hold.kind is HoldKind.OFF):
        return Verdict(verb=Verb.CUT, rule=supply.wanted.reason)
    if facts.balance_micro > facts.floor_micro:
        return _want_on(supply, "rule.credit")
    return _spared(facts, policy, calendar, now) or Verdict(verb=Verb.CUT, rule=supply.wanted.reason)


def _live(hold: Hold | None, now: datetime) -> Hold | None:
    return hold if hold is not None and (hold.until is None or now < hold.until) else None


def _want_on(supply: Supply, rule: str, again_at: datetime | None = None) -> Verdict:
    verb = Verb.KEEP if supply.wanted.on else Verb.RESTORE
    return Verdict(verb=verb, rule=rule, again_at=again_at)


def _spared(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime) -> Verdict | None:
    """The first reason not to cut, or None."""
    doubt = _doubt(facts, policy, now)
    if doubt is not None:
        return Verdict(verb=Verb.KEEP, rule=doubt)
    if facts.protected_customer:
        return Verdict(verb=Verb.KEEP, rule="rule.protected_customer")
    if facts.warned_at is None:
        return Verdict(verb=Verb.KEEP if facts.warning_queued else Verb.WARN, rule="rule.warn_first")
    ripe = facts.warned_at + timedelta(seconds=policy.warning_lead_s)
    if now < ripe:
        return Verdict(verb=Verb.KEEP, rule="rule.warning_lead", again_at=ripe)
    protection = calendar.protection(now)
    if protection is not None:
        return Verdict(verb=Verb.KEEP, rule=protection, again_at=calendar.protected_until(now))
    return _wear_and_blast(facts, policy, now)


def _doubt(facts: Facts, policy: SupplyPolicy, now: datetime) -> str | None:
    if facts.store_or_clock_doubtful:
        return "rule.doubt_system"
    if facts.gateway_down:
        return "rule.doubt_gateway"
    if facts.money_on_its_way:
        return "rule.doubt_money"
    if facts.reading_held:
        return "rule.doubt_reading"
    if facts.reading_at is None or now - facts.reading_at > timedelta(seconds=policy.reading_fresh_s):
        return "rule.doubt_stale"
    if facts.fresh_run < policy.fresh_readings:
        return "rule.doubt_single"
    return None


def _wear_and_blast(facts: Facts, policy: SupplyPolicy, now: datetime) -> Verdict | None:
    on_at = facts.supply.switched_on_at
    if on_at is not None and now - on_at < timedelta(seconds=policy.no_off_after_on_s):
        again = on_at + timedelta(seconds=policy.no_off_after_on_s)
        return Verdict(verb=Verb.KEEP, rule="rule.just_restored", again_at=again)
    if facts.operations_today >= policy.operations_a_day:
        return Verdict(verb=Verb.KEEP, rule="rule.daily_cap")
    if facts.cuts_last_hour >= policy.cuts_a_site_hour:
        return Verdict(verb=Verb.KEEP, rule="rule.blast_limit")
    return None
