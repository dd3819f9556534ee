"""Tells owners that a certificate ends, some time before it does: once for each mark of days that is passed (N1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, Params
from prepaid.usecases.tell_owners import tell_owners

log = structlog.get_logger()

MARKS_D = (0, 1, 3, 7, 14, 30)
"""Days before the end; 0 is the end itself."""
RENEWED_MARKS_D = (0, 1, 3, 7)
"""For what renews itself: until then the newer one is still to be expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Something that stops working by itself. `name` is the setting that it came from, or a text key of it.

    `ends_at` is None for what cannot be read. `renews`: newer ones should come by themselves.
    """

    name: str
    ends_at: datetime | None
    renews: bool = False


async def warn_of_endings(business: Business, endings: Sequence[Ending]) -> int:
    """Returns how many messages are new. An owner of several sites is told once; what cannot be read, once a week."""
    now = business.clock.now()
    due = [(ending, key) for ending in endings if (key := _key(ending, now)) is not None]
    for ending, key in due:
        log.warning("credential_ends", name=ending.name, mark=key)
    crossings = [
        (Crossing(NoticeKind.CERTIFICATE_ENDS, f"{ending.name}:{key}"), _params(ending, now)) for ending, key in due
    ]
    return await tell_owners(business, crossings)


def mark_of(ends_at: datetime, now: datetime, marks_d: Sequence[int] = MARKS_D) -> int | None:
    """The lowest mark that was passed; None while the end is far."""
    return next((mark for mark in marks_d if ends_at - now <= timedelta(days=mark)), None)


def _key(ending: Ending, now: datetime) -> str | None:
    """What makes this telling one."""
    if ending.ends_at is None:
        return f"unreadable:{now:%G-W%V}"
    mark = mark_of(ending.ends_at, now, RENEWED_MARKS_D if ending.renews else MARKS_D)
    return None if mark is None else f"{ending.ends_at.date()}:{mark}"


def _params(ending: Ending, now: datetime) -> Params:
    if ending.ends_at is None:
        return {"name": ending.name, "ends_at": None, "state": "unreadable"}
    state = "ended" if ending.ends_at <= now else "renews" if ending.renews else ""
    return {"name": ending.name, "ends_at": ending.ends_at.isoformat(), "state": state}
