"""A supply under two deciders, a bus, an admin, a tenant and the clock, against a model that knows no policy code.

Deciders look at the facts and act on them later, commands are sent and read back later, so everything interleaves.
The store's part, conditional writes by generation, is played by `want` and `record` as the store promises them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.supply import (
    Facts,
    Hold,
    HoldKind,
    Outcome,
    Reported,
    Supply,
    SupplyPolicy,
    Verb,
    Verdict,
    Wanted,
    decide,
    live,
    still_right,
)

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NIGHT = (18, 8)
"""Protected local hours, Shanghai time, eight hours ahead of UTC the whole year."""
POLICY = SupplyPolicy(
    warning_lead_s=3_600,
    reminder_leads_s=(600,),
    reading_fresh_s=900,
    fresh_readings=2,
    no_off_after_on_s=300,
    operations_a_day=6,
)
CALENDAR = SiteCalendar(
    time_zone="Asia/Shanghai", protected=(Window(since=time(NIGHT[0]), until=time(NIGHT[1])),), country=""
)
DECIDERS = st.sampled_from(["settlement", "sweeper"])
ADMINS = st.sampled_from(["anna", "bo"])
TWISTS = st.sampled_from(
    ["nothing", "night", "order", "silence", "one reading", "money", "protection", "short notice", "just on"]
)


@dataclass
class Model:
    """What a person with a notebook would know: no verdicts, only what happened when."""

    balance: int = 0
    lent: int = 0
    epoch: int = 0
    """Counts credits and lendings: notices belong to one."""
    notices: tuple[datetime | None, ...] = ()
    """Of this epoch, in order: when each arrived, None while it is under way."""
    orders_open: int = 0
    readings: tuple[datetime, ...] = ()
    silent: bool = False
    relay_on: bool = True
    on_since: datetime | None = None
    switched: tuple[datetime, ...] = ()

    def local_hour(self, now: datetime) -> int:
        """Shanghai's, by hand."""
        return (now.hour + 8) % 24

    def why_not_cut(self, now: datetime) -> list[str]:
        """Every reason against a cut at this instant, in words of the notebook."""
        hour = self.local_hour(now)
        reasons = {
            "has credit": self.balance + self.lent > 0,
            "money under way": self.orders_open > 0,
            "at night": hour >= NIGHT[0] or hour < NIGHT[1],
            "silent": self.silent,
            "not read twice": len(self.readings) < 2,
            "read long ago": not self.readings or now - self.readings[-1] > timedelta(minutes=15),
            "not told twice": len(self.notices) < 2 or None in self.notices,
            "told an hour ago": not self._told_for(0, now, timedelta(hours=1)),
            "reminded ten minutes ago": not self._told_for(1, now, timedelta(minutes=10)),
            "just on": self.on_since is not None and now - self.on_since < timedelta(minutes=5),
        }
        return [words for words, holds in reasons.items() if holds]

    def _told_for(self, place: int, now: datetime, least: timedelta) -> bool:
        told = self.notices[place] if place < len(self.notices) else None
        return told is not None and now - told >= least


class SupplyMachine(RuleBasedStateMachine):
    """One account, one meter, everybody at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.model = Model()
        self.supply = Supply(
            meter_id="m", account_id="a", site_id="s", gateway_id="g", path="p", wanted=Wanted(at=START)
        )
        self.generations = [0]
        self.decided: dict[str, tuple[int, int, Verdict]] = {}
        self.sent: list[tuple[int, Reported]] = []

    def facts(self) -> Facts:
        """What `gather_facts` reads, from the notebook."""
        told = self.model.notices
        day = f"{self.now + timedelta(hours=8):%Y-%m-%d}"
        return Facts(
            balance_micro=self.model.balance,
            floor_micro=-self.model.lent,
            supply=self.supply,
            reading_at=self.model.readings[-1] if self.model.readings else None,
            fresh_run=len(self.model.readings),
            reading_held=False,
            money_on_its_way=self.model.orders_open > 0,
            warned_at=told[0] if told else None,
            warning_queued=bool(told),
            reminded_at=told[1:],
            protected_customer=False,
            gateway_down=self.model.silent,
            operations_today=self.supply.operations if self.supply.operations_day == day else 0,
        )

    # The store's promises: a write with a condition happens whole or not at all.

    def want(self, old_generation: int, *, on: bool, reason: str, by_hand: bool = False) -> bool:
        """Sets the next generation if nobody was first."""
        if self.supply.wanted.generation != old_generation:
            return False
        wanted = Wanted(on=on, generation=old_generation + 1, reason=reason, at=self.now, by_hand=by_hand)
        self.supply = replace(self.supply, wanted=wanted, outcome=Outcome.PENDING)
        self.generations.append(wanted.generation)
        return True

    def record(self, generation: int, reported: Reported) -> None:
        """What the relay said, unless a newer generation is wanted by now."""
        if self.supply.wanted.generation != generation:
            return
        day = f"{reported.at + timedelta(hours=8):%Y-%m-%d}"
        same_day = self.supply.operations_day == day
        self.supply = replace(
            self.supply,
            reported=reported,
            outcome=Outcome.CONFIRMED,
            operations=self.supply.operations + 1 if same_day else 1,
            operations_day=day,
            switched_on_at=reported.at if reported.on else self.supply.switched_on_at,
        )

    # The world.

    @rule(minutes=st.sampled_from([1, 4, 16, 61, 600]))
    def time_passes(self, minutes: int) -> None:
        """Notices and readings grow old."""
        self.now += timedelta(minutes=minutes)

    @rule()
    def is_read(self) -> None:
        """The meter answers, and is read again a second later."""
        self.model.silent = False
        self.model.readings = (*self.model.readings[-3:], self.now)

    @rule()
    def falls_silent(self) -> None:
        """The gateway is lost; the run of fresh readings begins anew."""
        self.model.silent, self.model.readings = True, ()

    @rule(amount=st.integers(1, 30))
    def uses(self, amount: int) -> None:
        """Energy is billed, on whatever the relay let through."""
        self.model.balance -= amount

    @rule()
    def opens_order(self) -> None:
        """Money is on its way."""
        self.model.orders_open += 1

    @precondition(lambda self: self.model.orders_open > 0)
    @rule(amount=st.integers(1, 50))
    def pays(self, amount: int) -> None:
        """It arrives."""
        self.model.orders_open -= 1
        self.is_given(amount)

    @rule(amount=st.integers(20, 200))
    def is_given(self, amount: int) -> None:
        """Cash, or an order's money. What is lent ends above zero."""
        self.model.balance += amount
        self.model.epoch += 1
        self.model.notices = ()
        if self.model.balance > 0:
            self.model.lent = 0

    @precondition(lambda self: self.model.orders_open > 0)
    @rule()
    def gives_up(self) -> None:
        """The order expires unpaid."""
        self.model.orders_open -= 1

    @precondition(lambda self: self.model.lent == 0 and self.model.balance <= 0)
    @rule()
    def borrows(self) -> None:
        """Emergency credit, which begins notices anew."""
        self.model.lent, self.model.notices = 20, ()
        self.model.epoch += 1

    @precondition(lambda self: None in self.model.notices)
    @rule()
    def notice_arrives(self) -> None:
        """Delivered, or its ways are exhausted."""
        self.model.notices = tuple(self.now if told is None else told for told in self.model.notices)

    # People.

    @rule(admin=ADMINS, on=st.booleans())
    def switches_by_hand(self, admin: str, on: bool) -> None:
        """As `switch_supply` does: refused against a hold."""
        hold = live(self.supply.hold, self.now)
        if hold is not None and (hold.kind is HoldKind.OFF) is on:
            return
        self.want(self.supply.wanted.generation, on=on, reason=f"rule.{admin}", by_hand=not on)

    @rule(admin=ADMINS, kind=st.sampled_from([HoldKind.ON, HoldKind.OFF, None]), minutes=st.none() | st.just(30))
    def holds(self, admin: str, kind: HoldKind | None, minutes: int | None) -> None:
        """Protects, tags or releases."""
        until = self.now + timedelta(minutes=minutes) if minutes else None
        hold = Hold(kind=kind, by=admin, why="test", until=until) if kind is not None else None
        self.supply = replace(self.supply, hold=hold)

    # Two deciders, each of which may be overtaken between looking and acting.

    @rule(who=DECIDERS)
    def looks(self, who: str) -> None:
        """Reads the facts and decides; nothing is written yet."""
        verdict = decide(self.facts(), POLICY, CALENDAR, self.now)
        self.decided[who] = (self.supply.wanted.generation, self.model.epoch, verdict)

    @precondition(lambda self: self.decided)
    @rule(who=DECIDERS)
    def acts(self, who: str) -> None:
        """Writes what was decided, under the generation that was seen."""
        generation, epoch, verdict = self.decided.pop(who, (-1, -1, None))
        if verdict is None:
            return
        if verdict.verb in (Verb.CUT, Verb.RESTORE):
            self.want(generation, on=verdict.verb is Verb.RESTORE, reason=verdict.rule)
        elif verdict.verb is Verb.WARN and epoch == self.model.epoch and verdict.rung == len(self.model.notices):
            self.model.notices = (*self.model.notices, None)

    # The owner of the bus.

    @precondition(lambda self: self.supply.outcome is not Outcome.CONFIRMED)
    @rule()
    def sends(self) -> None:
        """Asks in the last moment, and writes the frame in that moment; the read-back is stored later."""
        wanted = self.supply.wanted
        verdict = still_right(self.facts(), POLICY, CALENDAR, self.now, on=wanted.on)
        if verdict.verb is not (Verb.RESTORE if wanted.on else Verb.CUT):
            return
        self._check_frame(on=wanted.on, by_hand=wanted.by_hand)
        if self.model.relay_on is not wanted.on:
            self.model.relay_on = wanted.on
        if wanted.on:
            self.model.on_since = self.now
        self.sent.append((wanted.generation, Reported(on=wanted.on, at=self.now)))
        del self.sent[:-4]

    @precondition(lambda self: self.sent)
    @rule(oldest=st.booleans())
    def reads_back(self, oldest: bool) -> None:
        """In order or out of it: a late answer of an older generation changes nothing."""
        before = self.supply
        generation, reported = self.sent.pop(0 if oldest else -1)
        self.record(generation, reported)
        assert generation == before.wanted.generation or self.supply == before

    @rule(who=DECIDERS, twist=TWISTS, late_twist=TWISTS, last=st.sampled_from([1, 2, 2, 2]))
    def runs_dry_by_the_book(self, who: str, twist: str, late_twist: str, last: int) -> None:
        """The long way to a lawful cut, which chance alone hardly finds, with something coming in between."""
        self.holds("bo", None, None)
        self.model.orders_open = 0
        if not self.supply.wanted.on:
            self.switches_by_hand("bo", on=True)
        self.now += timedelta(hours=(10 - self.model.local_hour(self.now)) % 24)
        self.model.balance = min(self.model.balance, -self.model.lent)
        for minutes in (0, 50, 11)[: last + 1]:
            self.time_passes(minutes)
            self.is_read()
            self.time_passes(1)
            self.is_read()
            self.looks(who)
            if minutes != 11:
                self.acts(who)
                self.notice_arrives()
        self.comes_between(twist)
        self.looks(who)
        self.acts(who)
        self.comes_between(late_twist)
        if self.supply.outcome is not Outcome.CONFIRMED:
            self.sends()

    def comes_between(self, what: str) -> None:
        """One thing that must hold a cut back, or nothing."""
        if what == "night":
            self.now += timedelta(hours=(20 - self.model.local_hour(self.now)) % 24)
            self.is_read()
            self.is_read()
        elif what == "order":
            self.opens_order()
        elif what == "silence":
            self.model.silent = True
        elif what == "one reading":
            self.model.readings = self.model.readings[-1:]
        elif what == "money":
            self.is_given(1 - self.model.balance)
        elif what == "protection":
            self.holds("anna", HoldKind.ON, None)
        elif what == "short notice" and len(self.model.notices) > 1:
            self.model.notices = (self.model.notices[0], self.now - timedelta(minutes=9))
        elif what == "just on":
            self.supply = replace(self.supply, switched_on_at=self.now)
            self.model.on_since = self.now

    def _check_frame(self, *, on: bool, by_hand: bool) -> None:
        """S2, S3, S9, S12: judged by the notebook alone, at the instant of the write."""
        hold = self.supply.hold
        in_force = hold is not None and (hold.until is None or self.now < hold.until)
        kind = hold.kind if hold is not None and in_force else None
        if on:
            assert kind is not HoldKind.OFF, "switched on while somebody works on it"
            return
        assert kind is not HoldKind.ON, "cut although protected"
        if not by_hand and kind is not HoldKind.OFF:
            assert not self.model.why_not_cut(self.now)

    # What always holds.

    @invariant()
    def generations_only_grow(self) -> None:
        """S6: no number is used twice."""
        assert self.generations == sorted(set(self.generations))

    @invariant()
    def emergency_never_stacks(self) -> None:
        """P6: lent at most once, and never beside credit."""
        assert self.model.lent in (0, 20)
        assert self.model.lent == 0 or self.model.balance <= 0

    @invariant()
    def credit_is_never_left_in_the_dark(self) -> None:
        """S1, S13: whatever the history, deciding and sending once now brings the light to whoever has credit."""
        hold = live(self.supply.hold, self.now)
        if self.model.balance + self.model.lent <= 0 or self.supply.wanted.by_hand or hold is not None:
            return
        verdict = decide(self.facts(), POLICY, CALENDAR, self.now)
        assert verdict.verb is (Verb.KEEP if self.supply.wanted.on else Verb.RESTORE)
        wanted = replace(self.supply.wanted, on=True)
        facts = replace(self.facts(), supply=replace(self.supply, wanted=wanted))
        assert still_right(facts, POLICY, CALENDAR, self.now, on=True).verb is Verb.RESTORE


TestSupplyMachine = SupplyMachine.TestCase
TestSupplyMachine.__doc__ = "S1, S2, S3, S6, S9, S12, S13: two deciders, two admins, a bus and the clock, interleaved."
TestSupplyMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
