"""Planned outages: works on the mains that people are told of beforehand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prepaid.domain.access import covers
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tariffs import Utility

LONGEST = timedelta(days=14)
FARTHEST = timedelta(days=90)
REMINDED_BEFORE = timedelta(hours=12)
"""The evening before works of the morning."""
REMINDER_WORTH = timedelta(hours=2)
"""Nobody is reminded of what they were told of so shortly before."""
AFTERWARDS = timedelta(minutes=15)
"""So long after its end meters may still be starting: until then their silence is no news."""


class Telling(StrEnum):
    """What people are told of an outage, each once."""

    PLANNED = "planned"
    SOON = "soon"
    CALLED_OFF = "called_off"
    AFTERMATH = "aftermath"
    """The staff alone: what is still silent when it should be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageWish:
    """What the staff wants to announce. `part` is a place inside the site ("b1"), "" for all of it."""

    site_id: str
    part: str
    utilities: tuple[Utility, ...]
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From `since` to `until` a place is without a utility, or without both. `id` is the planner's and the wish's."""

    id: str
    actor: str
    site_id: str
    path: str
    utilities: tuple[Utility, ...]
    since: datetime
    until: datetime
    reason: str
    at: datetime
    called_off_at: datetime | None = None
    told: tuple[Telling, ...] = ()

    def runs(self, now: datetime, path: str, utility: Utility | None = None) -> bool:
        """Whether the place is without it now, or was a moment ago."""
        if self.called_off_at is not None or not self.since <= now < self.until + AFTERWARDS:
            return False
        return covers(self.path, path) and (utility is None or utility in self.utilities)

    def held_back(self, silent_since: datetime | None) -> bool:
        """Whether a silence began while it was kept from the staff. What began before was told when it began."""
        if silent_since is None:
            return False
        return max(self.since, self.at) <= silent_since <= (self.called_off_at or self.until + AFTERWARDS)

    def due(self, now: datetime) -> Sequence[Telling]:
        """What has to be told now and was not told yet."""
        if self.called_off_at is not None:
            # Over before its time, it has an aftermath as any other; one that never began has none.
            over = self.since <= self.called_off_at and now >= self.called_off_at + AFTERWARDS
            wanted = [Telling.CALLED_OFF, *([Telling.AFTERMATH] if over else [])]
        elif now >= self.until:
            wanted = [Telling.AFTERMATH] if now >= self.until + AFTERWARDS else []
        else:
            reminder = self.since - REMINDED_BEFORE
            soon = reminder <= now < self.since and self.at <= reminder - REMINDER_WORTH
            wanted = [Telling.PLANNED, *([Telling.SOON] if soon else [])]
        return [each for each in wanted if each not in self.told]


def utilities_name(utilities: Sequence[Utility]) -> str:
    """How texts call them: "electricity", "water" or "both"."""
    return "both" if len(utilities) > 1 else str(utilities[0])


def words_key(kind: NoticeKind, of: str) -> str:
    """The text of a notice about what `utilities_name` calls so."""
    return f"notice.{kind}" if of == Utility.ELECTRICITY else f"notice.{kind}.{of}"


def check_span(since: datetime, until: datetime, now: datetime) -> None:
    """Raises `Refused` for an outage that is over, ends before it begins, is too long or too far ahead."""
    if until <= since:
        raise Refused("refused.outage_order")
    if until <= now:
        raise Refused("refused.outage_past")
    if until - since > LONGEST:
        raise Refused("refused.outage_long", most=LONGEST.days)
    if since - now > FARTHEST:
        raise Refused("refused.outage_far", most=FARTHEST.days)
