"""Tells owners that a certificate ends, some time before it does: once for each mark of days that is passed (N1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prepaid.domain.access import Role
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, tell_persons

MARKS_D = (1, 3, 7, 14, 30)
"""Days before the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Something that stops working by itself. `name` is the setting that it came from."""

    name: str
    ends_at: datetime


async def warn_of_endings(business: Business, endings: Sequence[Ending]) -> int:
    """Returns how many messages are new. An owner of several sites is told once."""
    now, new, told = business.clock.now(), 0, set[str]()
    sites = sorted(await business.store.sites.sites(), key=lambda site: site.id)
    for site in sites:
        people = await business.store.people.staff_over(site.path)
        owners = [each.id for each in people if any(grant.role is Role.OWNER for grant in each.grants)]
        fresh = [person_id for person_id in owners if person_id not in told]
        told.update(fresh)
        for ending in endings:
            mark = mark_of(ending.ends_at, now)
            if mark is None:
                continue
            crossing = Crossing(NoticeKind.CERTIFICATE_ENDS, f"{ending.name}:{ending.ends_at.date()}:{mark}")
            params = {"name": ending.name, "ends_at": ending.ends_at.isoformat()}
            new += await tell_persons(business, site, fresh, crossing, params)
    return new


def mark_of(ends_at: datetime, now: datetime) -> int | None:
    """The lowest mark that was passed; None while the end is far."""
    return next((mark for mark in MARKS_D if ends_at - now <= timedelta(days=mark)), None)
