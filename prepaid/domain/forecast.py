"""Plays the supply policy forward through a night, without effects: who would be cut and when, and who is spared.

Balances stay as they are, meters that answer go on answering, and notices are taken as delivered when they are asked
for. So a cut that is shown may still not happen; none happens earlier than shown unless somebody runs out of credit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.supply import Facts, SupplyPolicy, Verb, Verdict, decide

STEP = timedelta(minutes=15)
"""How often a spared supply is looked at again where its rule names no instant."""
HOUR = timedelta(hours=1)
LOOKS_MAX = 500
"""Looks at one supply in one night, as a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What the night brings to one supply. `at` is the cut's instant, None for one that stays on."""

    meter_id: str
    verdict: Verdict
    at: datetime | None = None


def play(
    cases: Sequence[Facts], policy: SupplyPolicy, calendar: SiteCalendar, *, now: datetime, until: datetime
) -> tuple[Fate, ...]:
    """One fate for each supply that is wanted on and out of credit, in order of time, cuts first."""
    night = _Night(policy, calendar, now, until)
    queue = [(now, place, 0) for place, facts in enumerate(cases) if _concerned(facts)]
    heapq.heapify(queue)
    current = list(cases)
    fates: list[Fate] = []
    while queue:
        at, place, looks = heapq.heappop(queue)
        facts = night.facts_at(current[place], at)
        verdict = decide(facts, policy, calendar, at)
        again = night.after(verdict, at)
        if verdict.verb is Verb.CUT or again > until or looks >= LOOKS_MAX:
            fates.append(night.fate(facts, verdict, at))
            continue
        current[place] = _told(current[place], verdict, at)
        heapq.heappush(queue, (again, place, looks + 1))
    return tuple(_in_order(fates, until))


def _concerned(facts: Facts) -> bool:
    wanted = facts.supply.wanted
    return wanted.on and not wanted.by_hand and facts.balance_micro <= facts.floor_micro


def _told(facts: Facts, verdict: Verdict, at: datetime) -> Facts:
    """After a notice that was asked for, or is under way, has arrived."""
    if verdict.rule == "rule.warn_first":
        return replace(facts, warned_at=at, warning_queued=True)
    if verdict.rule == "rule.remind_first":
        done = facts.reminded_at[: int(verdict.inputs["rung"]) - 1]
        return replace(facts, reminded_at=(*done, at))
    return facts


def _in_order(fates: Iterable[Fate], until: datetime) -> list[Fate]:
    return sorted(fates, key=lambda fate: (fate.at is None, fate.at or until, fate.meter_id))


class _Night:
    """What the supplies of a site share: the limits on cutting off many at once."""

    def __init__(self, policy: SupplyPolicy, calendar: SiteCalendar, now: datetime, until: datetime) -> None:
        self._policy, self._calendar, self._now, self._until = policy, calendar, now, until
        self._cuts: list[datetime] = []

    def facts_at(self, facts: Facts, at: datetime) -> Facts:
        """The facts as they will be: readings as fresh as they are now, and the cuts of this night counted in."""
        age = self._now - facts.reading_at if facts.reading_at is not None else timedelta()
        recent = facts.cuts_last_hour if at < self._now + HOUR else 0
        return replace(
            facts,
            reading_at=at - age if facts.reading_at is not None else None,
            cuts_last_hour=recent + sum(1 for cut in self._cuts if cut > at - HOUR),
            cuts_last_day=facts.cuts_last_day + len(self._cuts),
        )

    def after(self, verdict: Verdict, at: datetime) -> datetime:
        """When to look again: at the instant that the rule names, at once after a notice, or a step later."""
        if verdict.rule in ("rule.warn_first", "rule.remind_first"):
            return at
        if verdict.again_at is not None:
            return max(verdict.again_at, at + timedelta(seconds=1))
        return at + STEP

    def fate(self, facts: Facts, verdict: Verdict, at: datetime) -> Fate:
        """The end of one supply's night."""
        if verdict.verb is Verb.CUT:
            self._cuts.append(at)
            return Fate(meter_id=facts.supply.meter_id, verdict=verdict, at=at)
        return Fate(meter_id=facts.supply.meter_id, verdict=verdict)
