"""How fast a demonstration goes: loads run faster than the clock, so that a month's worries pass in a minute."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`speed` is how many times faster the loads run. Amounts are micro-yuan."""

    speed: int
    warning_lead_s: int
    opening_micro: int
    """What the first tenant starts with."""
    poll_every_s: int = 1


LIVE = Pace(speed=300, warning_lead_s=10, opening_micro=6_500_000)
"""For people: low after seconds, gone after a minute, dark ten seconds later."""
STORY = Pace(speed=1_500, warning_lead_s=3, opening_micro=7_000_000)
"""For the scripted tenant: the same in a quarter of the time."""
