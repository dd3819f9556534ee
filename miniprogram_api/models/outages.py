"""Planned outages."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, Field

from miniprogram_api.models.common import Given, Shown
from miniprogram_api.models.people import AudienceOut
from prepaid.domain.outages import Outage, OutageWish
from prepaid.domain.tariffs import Utility
from prepaid.usecases.outage_lines import OutageLine
from prepaid.usecases.plan_outage import MOST_WORDS


class OutageWishIn(Given):
    """What is planned where and when. At most 14 days long and 90 days ahead."""

    part: str = Field(default="", max_length=100, description='A place inside the site; "": all of it', examples=["b1"])
    utilities: list[Utility] = Field(min_length=1, max_length=2, examples=[["electricity"]])
    since: AwareDatetime = Field(examples=["2026-11-28T01:00:00Z"])
    until: AwareDatetime = Field(examples=["2026-11-28T04:00:00Z"])
    reason: str = Field(min_length=1, max_length=MOST_WORDS, examples=["work on the switchboard"])


class OutagePlanIn(OutageWishIn):
    """The same, with a key: the same key is the same outage, and tells nobody twice."""

    key: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["switchboard-1"])


class OutageOut(Shown):
    """An outage as it was announced."""

    outage_id: str
    site_id: str
    path: str
    utilities: list[Utility]
    since: datetime
    until: datetime
    reason: str
    called_off_at: datetime | None


class OutageLineOut(OutageOut):
    """With the place as people call it."""

    place: str
    time_zone: str
    may_call_off: bool


class OutagesOut(Shown):
    """Those that are not over, the next to begin first."""

    outages: list[OutageLineOut]


class OutagePlanOut(Shown):
    """Who would be told, and what is planned there already for hours that it touches."""

    audience: AudienceOut
    others: list[OutageOut]


def wish_of(site_id: str, given: OutageWishIn) -> OutageWish:
    """As the use cases take it."""
    return OutageWish(
        site_id=site_id,
        part=given.part,
        utilities=tuple(given.utilities),
        since=given.since,
        until=given.until,
        reason=given.reason,
    )


def outage_out(outage: Outage) -> OutageOut:
    """One outage."""
    return OutageOut(
        outage_id=outage.id,
        site_id=outage.site_id,
        path=outage.path,
        utilities=list(outage.utilities),
        since=outage.since,
        until=outage.until,
        reason=outage.reason,
        called_off_at=outage.called_off_at,
    )


def outage_line_out(line: OutageLine) -> OutageLineOut:
    """One line of the list."""
    told = outage_out(line.outage).model_dump()
    return OutageLineOut(**told, place=line.place, time_zone=line.time_zone, may_call_off=line.may_call_off)
