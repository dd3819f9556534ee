"""How a notice goes out: its lane, its quiet hours, the rungs of its ladder. Pure: rows and choices in, answers out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from prepaid.domain.notices import Lane, Notice, NoticeKind
from prepaid.domain.people import Address, Person
from prepaid.domain.preferences import MessagePolicy, Quiet

K = NoticeKind

ALWAYS = frozenset(
    {
        K.CUT_DONE,
        K.RESTORED,
        K.SWITCH_STUCK,
        K.PRESS_BUTTON,
        K.CONFIRM_SAFE,
        K.RELAY_MOVED,
        K.RELAY_BYPASSED,
        K.TOO_MUCH_LOAD,
        K.GATEWAY_DOWN,
        K.PAYMENT_THREAD,
    }
)
"""Safety, restoring, and what somebody who just paid waits for: told at every hour (N3)."""

IN_BULK = frozenset(
    {
        K.LOW_BALANCE,
        K.LOW_DAYS,
        K.BROADCAST,
        K.OUTAGE_PLANNED,
        K.OUTAGE_SOON,
        K.OUTAGE_CALLED_OFF,
        K.RECONCILED,
        K.RECONCILED_OPEN,
        K.TARIFF_CHANGES,
        K.REPORT,
    }
)
"""What is told to many at once."""


PATIENCE: Mapping[Lane, timedelta] = {Lane.PROMPT: timedelta(seconds=90), Lane.BULK: timedelta(hours=6)}
"""So long a row waits for a place below a channel's limit before another channel may take it (N2).

Somebody waits for the one; the other is what half a million people are told by one bot.
"""


class Receipt(StrEnum):
    """What a channel says of a message that it took: it arrived, it will not, or nobody knows yet."""

    ARRIVED = "arrived"
    LOST = "lost"
    UNKNOWN = "unknown"


def lane_of(kind: NoticeKind) -> Lane:
    """What is told to many at once goes in bulk, so that it never delays what one person waits for."""
    return Lane.BULK if kind in IN_BULK else Lane.PROMPT


def may_wait(row: Notice, since: datetime, comes_at: datetime) -> bool:
    """Whether a row that was held back from then on still waits for a channel that has a place at `comes_at`."""
    return comes_at - since < PATIENCE[lane_of(row.kind)]


def quiet_hours(row: Notice, person: Person, policy: MessagePolicy) -> Quiet | None:
    """The hours that the row heeds: the person's, or else the site's."""
    return None if row.kind in ALWAYS else person.preferences.quiet or policy.quiet


def quiet_until(row: Notice, quiet: Quiet, now: datetime) -> datetime | None:
    """Until when the row has to wait, if it is quiet where it is about."""
    zone = ZoneInfo(str(row.params.get("time_zone") or "UTC"))
    ends = quiet.ends_at(now.astimezone(zone))
    begins = row.params.get("from_at")
    if ends is None or (isinstance(begins, str) and datetime.fromisoformat(begins) <= ends):
        return None  # What begins before the quiet is over is told in time, or not at all.
    return max(ends.astimezone(now.tzinfo), now)


def rungs(row: Notice, person: Person, policy: MessagePolicy, can: Collection[str]) -> tuple[Address, ...]:
    """The addresses to try, in the person's order, then the site's, then as they were added; ended ones left out."""
    reachable = [each for each in person.addresses if each.channel in can]
    if row.tried:
        reachable = [each for each in reachable if rung_key(each) not in row.tried]
    if len(reachable) <= 1:
        return tuple(reachable)
    order = (*person.preferences.channels, *policy.channels)
    places = {channel: place for place, channel in reversed(tuple(enumerate(order)))}
    return tuple(sorted(reachable, key=lambda each: places.get(each.channel, len(order))))


def rung_key(address: Address) -> str:
    """How a row remembers a rung. Not the address itself, which may be a secret."""
    return address.key
