"""Decides whether a meter should be on. Pure: give it facts and the hour, it gives a verdict and its reason.

In doubt nothing is cut off; restoring is allowed at all hours, except under a maintenance lock (S2, S3, S7-S10, S12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.calendar import SiteCalendar

Inputs = Mapping[str, int | str]


DOUBT_SYSTEM = "rule.doubt_system"
"""The rule of whoever does not know enough to cut."""


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
    WAITING = "waiting"
    """The device may close, and waits for somebody to press its button."""


class HoldKind(StrEnum):
    """A person's word that overrides the balance."""

    ON = "on"
    """Protect: never cut this supply."""
    OFF = "off"
    """Maintenance tag: never switch this supply on from afar (S12)."""


class Restoring(StrEnum):
    """How a site wants supplies to come back."""

    BY_MODEL = "by_model"
    """As the profile of the meter says."""
    DIRECT = "direct"
    """The contact closes at once."""
    ALLOW = "allow"
    """Somebody presses the button, where the device has one: nothing that was left on starts unattended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyPolicy:
    """The numbers of a site."""

    low_balance_micro: tuple[int, ...] = (20_000_000, 5_000_000)
    """Warning levels, highest first."""
    warning_lead_s: int = 24 * 3600
    """A cut comes no sooner than this after its warning was delivered, or its ladder exhausted."""
    reminder_leads_s: tuple[int, ...] = ()
    """Further notices, each this long before the cut, longest first: a cut waits for every one of them as well."""
    reading_fresh_s: int = 15 * 60
    fresh_readings: int = 2
    no_off_after_on_s: int = 5 * 60
    operations_a_day: int = 8
    cuts_a_site_hour: int = 20
    """Blast limit: more cut-offs than this in one site and hour wait for a person."""
    cuts_site_permille: int = 300
    """More than this share of a site within a day needs a second person."""
    cuts_site_free: int = 10
    """So many in a day need nobody, however small the site."""
    command_ttl_s: int = 60
    restoring: Restoring = Restoring.BY_MODEL
    ask_before_restore: bool = False
    """The tenant first says that stoves and irons are off. Only then is S1's time counted."""
    restores_at_once: int = 5
    """More restores than this wait on a site for other reasons than a payment: they are spread out (S8)."""
    restore_spread_s: int = 60
    """Over so long, well within the 120 s of S1."""
    settle_every_s: int = 15 * 60

    @property
    def leads_s(self) -> tuple[int, ...]:
        """The notice ladder: how long before the cut each rung is due."""
        return (self.warning_lead_s, *self.reminder_leads_s)


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
    waits: bool = False
    """It is off, may close, and waits for its button."""


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
    safe_generation: int = -1
    """The generation for which the tenant said that appliances are off."""


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
    reminded_at: tuple[datetime | None, ...] = ()
    """As `warned_at`, for the reminders that are in the outbox, in order."""
    cuts_last_day: int = 0
    site_supplies: int = 0
    """How many supplies the site has; 0 where nobody counted, which leaves its share unlimited."""
    mass_cut_until: datetime | None = None
    """Until then a second person has agreed to more than the site's share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, by which rule (a text key), and when to look again if time alone changes the answer."""

    verb: Verb
    rule: str
    again_at: datetime | None = None
    inputs: Inputs = field(default_factory=dict)
    """The figures that the rule looked at, for the sentence: amounts `_micro`, spans `_s`, instants `_at`, counts."""
    rung: int = 0
    """Which notice of the ladder to give, where the verdict is to warn; 0 is the first."""
    cut_at: datetime | None = None
    """The earliest cut that such a notice speaks of."""


def decide(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime) -> Verdict:
    """The one supply policy. Order matters: locks, then restoring, then every reason to spare, then warn, then cut."""
    supply = facts.supply
    hold = live(supply.hold, now)
    if hold is not None and hold.kind is HoldKind.OFF:
        return _held(Verb.KEEP, "rule.maintenance", hold)
    if hold is not None and hold.kind is HoldKind.ON:
        return _held(_on(supply), "rule.held_on", hold)
    if supply.wanted.by_hand:
        return Verdict(verb=Verb.KEEP, rule="rule.by_hand", inputs={"by": supply.wanted.actor})
    if facts.balance_micro > facts.floor_micro:
        return Verdict(verb=_on(supply), rule="rule.credit", inputs=_money(facts))
    if not supply.wanted.on:
        return Verdict(verb=Verb.KEEP, rule="rule.no_credit", inputs=_money(facts))
    return _spared(facts, policy, calendar, now) or Verdict(verb=Verb.CUT, rule="rule.no_credit", inputs=_money(facts))


def still_right(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime, *, on: bool) -> Verdict:
    """Asked again in the last moment before a frame leaves: would the same switch be decided now (S2, S3)?

    For a cut the wanted state is already off, so the decision is taken as if it were still on.
    """
    supply = facts.supply
    hold = live(supply.hold, now)
    if hold is not None and hold.kind is HoldKind.OFF and on:
        return _held(Verb.KEEP, "rule.maintenance", hold)
    if on:
        return Verdict(verb=Verb.RESTORE, rule=supply.wanted.reason)
    if hold is not None and hold.kind is HoldKind.ON:
        return _held(_on(supply), "rule.held_on", hold)
    cut = Verdict(verb=Verb.CUT, rule=supply.wanted.reason, inputs=_money(facts))
    if supply.wanted.by_hand or (hold is not None and hold.kind is HoldKind.OFF):
        return cut
    if facts.balance_micro > facts.floor_micro:
        return Verdict(verb=_on(supply), rule="rule.credit", inputs=_money(facts))
    return _spared(facts, policy, calendar, now) or cut


def live(hold: Hold | None, now: datetime) -> Hold | None:
    """The hold if it is in force."""
    return hold if hold is not None and (hold.until is None or now < hold.until) else None


def earliest_cut(calendar: SiteCalendar, ripe: datetime) -> datetime:
    """When a cut that has waited until `ripe` can happen: then, or when protection ends."""
    if calendar.protection(ripe) is None:
        return ripe
    return calendar.protected_until(ripe) or ripe


def _on(supply: Supply) -> Verb:
    return Verb.KEEP if supply.wanted.on else Verb.RESTORE


def _held(verb: Verb, rule: str, hold: Hold) -> Verdict:
    return Verdict(verb=verb, rule=rule, again_at=hold.until, inputs={"by": hold.by, "why": hold.why})


def _money(facts: Facts) -> Inputs:
    return {"balance_micro": facts.balance_micro, "floor_micro": facts.floor_micro}


def _spared(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime) -> Verdict | None:
    """The first reason not to cut, or None."""
    return (
        _doubt(facts, policy, now)
        or _customer(facts)
        or _ladder(facts, policy, calendar, now)
        or _hours(calendar, now)
        or _wear(facts, policy, now)
        or _blast(facts, policy, now)
    )


def _keep(rule: str, *, again_at: datetime | None = None, **inputs: int | str) -> Verdict:
    return Verdict(verb=Verb.KEEP, rule=rule, again_at=again_at, inputs=inputs)


def _doubt(facts: Facts, policy: SupplyPolicy, now: datetime) -> Verdict | None:
    if facts.store_or_clock_doubtful:
        return _keep(DOUBT_SYSTEM)
    if facts.gateway_down:
        return _keep("rule.doubt_gateway")
    if facts.money_on_its_way:
        return _keep("rule.doubt_money")
    if facts.reading_held:
        return _keep("rule.doubt_reading")
    if facts.reading_at is None:
        return _keep("rule.doubt_stale", limit_s=policy.reading_fresh_s)
    if now - facts.reading_at > timedelta(seconds=policy.reading_fresh_s):
        return _keep("rule.doubt_stale", limit_s=policy.reading_fresh_s, reading_at=facts.reading_at.isoformat())
    if facts.fresh_run < policy.fresh_readings:
        return _keep("rule.doubt_single", readings=facts.fresh_run, needed=policy.fresh_readings)
    return None


def _customer(facts: Facts) -> Verdict | None:
    return _keep("rule.protected_customer") if facts.protected_customer else None


def _ladder(facts: Facts, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime) -> Verdict | None:
    """Each rung of notices delivered or exhausted, and its lead over; a rung is given when its time has come.

    The time of a reminder counts back from the cut as it is foreseen by then, protected hours included.
    """
    if facts.warned_at is None:
        cut_at = earliest_cut(calendar, now + timedelta(seconds=policy.warning_lead_s))
        verb = Verb.KEEP if facts.warning_queued else Verb.WARN
        inputs: Inputs = {"lead_s": policy.warning_lead_s, "cut_at": cut_at.isoformat()}
        return Verdict(verb=verb, rule="rule.warn_first", cut_at=cut_at, inputs=inputs)
    ripe = facts.warned_at + timedelta(seconds=policy.warning_lead_s)
    for rung, lead_s in enumerate(policy.reminder_leads_s, start=1):
        lead = timedelta(seconds=lead_s)
        if rung > len(facts.reminded_at):
            return _reminder_due(rung, lead, earliest_cut(calendar, ripe), calendar, now)
        done_at = facts.reminded_at[rung - 1]
        if done_at is None:
            return _keep("rule.remind_first", rung=rung)
        ripe = max(ripe, done_at + lead)
    return _keep("rule.warning_lead", again_at=ripe, cut_at=ripe.isoformat()) if now < ripe else None


def _reminder_due(rung: int, lead: timedelta, foreseen: datetime, calendar: SiteCalendar, now: datetime) -> Verdict:
    """A reminder that is not in the outbox yet: to be waited for, or to be given now."""
    due = foreseen - lead
    if now < due:
        return _keep("rule.warning_lead", again_at=due, cut_at=foreseen.isoformat())
    cut_at = earliest_cut(calendar, max(foreseen, now + lead))
    inputs: Inputs = {"rung": rung, "lead_s": lead // timedelta(seconds=1), "cut_at": cut_at.isoformat()}
    return Verdict(verb=Verb.WARN, rule="rule.remind_first", rung=rung, cut_at=cut_at, inputs=inputs)


def _hours(calendar: SiteCalendar, now: datetime) -> Verdict | None:
    rule = calendar.protection(now)
    if rule is None:
        return None
    until = calendar.protected_until(now)
    return _keep(rule, again_at=until, **({"until_at": until.isoformat()} if until else {}))


def _wear(facts: Facts, policy: SupplyPolicy, now: datetime) -> Verdict | None:
    on_at = facts.supply.switched_on_at
    if on_at is not None and now - on_at < timedelta(seconds=policy.no_off_after_on_s):
        again = on_at + timedelta(seconds=policy.no_off_after_on_s)
        return _keep("rule.just_restored", again_at=again, restored_at=on_at.isoformat())
    if facts.operations_today >= policy.operations_a_day:
        return _keep("rule.daily_cap", operations=facts.operations_today, limit=policy.operations_a_day)
    return None


def _blast(facts: Facts, policy: SupplyPolicy, now: datetime) -> Verdict | None:
    """Too many at once: by count in an hour, or by share of the site in a day (S8)."""
    if facts.cuts_last_hour >= policy.cuts_a_site_hour:
        return _keep("rule.blast_limit", cuts=facts.cuts_last_hour, limit=policy.cuts_a_site_hour)
    agreed = facts.mass_cut_until is not None and now < facts.mass_cut_until
    with_this = facts.cuts_last_day + 1
    over = with_this * 1000 > policy.cuts_site_permille * facts.site_supplies
    if agreed or facts.site_supplies == 0 or with_this <= policy.cuts_site_free or not over:
        return None
    return _keep("rule.blast_limit_site", cuts=facts.cuts_last_day, supplies=facts.site_supplies)
