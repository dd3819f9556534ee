"""Analyses of a site by its registers: use in bars, losses behind main meters, common parts shared, sites compared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from miniprogram_api.models.common import Account, Given, Shown
from miniprogram_api.models.reports import LossesOut, losses_out
from prepaid.domain.sharing import Rule
from prepaid.domain.tariffs import Utility
from prepaid.usecases.compare_site import SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation
from prepaid.usecases.site_use import MeterUse
from prepaid.usecases.usage_report import Losses

SpanName = Annotated[
    str,
    Field(
        pattern=r"^\d{4}(-\d{2}(-\d{2})?|-W\d{2})?$",
        examples=["2026-11-26", "2026-W48", "2026-11", "2026"],
        description="A local day, week, month or year",
    ),
]
FileKind = Literal["csv", "xlsx"]


class SpanWish(Given):
    """A span, by default the running month."""

    span: SpanName | None = None


class SpanFileWish(SpanWish):
    """The same as a file."""

    format: FileKind = "xlsx"


class ShareWish(Given):
    """A span, and by what the common part is shared."""

    span: SpanName
    rule: Rule = Rule.EQUAL


class ShareFileWish(ShareWish):
    """The same as a file."""

    format: FileKind = "xlsx"


class SitesWish(Given):
    """A span."""

    span: SpanName


class SitesFileWish(SitesWish):
    """The same as a file."""

    format: FileKind = "xlsx"


class BarOut(Shown):
    """One hour, day or month beside the same place in the span before."""

    start: datetime
    energy_wh: int
    before_wh: int


class OddHourOut(Shown):
    """An hour unlike others of its kind."""

    at: datetime
    energy_wh: int
    usual_wh: int


class MeterUseOut(Shown):
    """One meter; without a reading in the span its figures are null. Water is in litres."""

    meter_id: str
    label: str
    account_id: Account | None
    utility: Utility
    first_wh: int | None
    last_wh: int | None
    energy_wh: int | None
    base_w: int | None = Field(description="What all but 5 % of the hours exceed")
    night_permille: int | None = Field(description="The share of midnight to six")
    odd_hours: list[OddHourOut]
    empty: bool = Field(description="Nobody rents the room")


class UseReportOut(Shown):
    """What the registers moved by. A year has bars alone, its meters are not looked at one by one."""

    site_id: str
    name: str
    time_zone: str
    span: str
    since: datetime
    until: datetime
    energy_wh: int
    water_l: int
    before_wh: int | None = Field(description="The span before")
    year_ago_wh: int | None
    base_w: int | None
    night_permille: int | None
    bars: list[BarOut]
    meters: list[MeterUseOut]


class SiteLossesOut(Shown):
    """What is lost behind each main meter of a site."""

    span: str
    mains: list[LossesOut]


class RoomShareOut(Shown):
    """What a room's own meters counted, and its share of what is common."""

    account_id: Account
    label: str
    own_wh: int
    share_wh: int


class AllocationOut(Shown):
    """The shares add up to what is common, to the unit."""

    main_meter_id: str
    span: str
    rule: Rule
    main_wh: int
    own_wh: int
    common_wh: int
    shares: list[RoomShareOut]


class SiteTotalOut(Shown):
    """One site among others."""

    site_id: str
    name: str
    energy_wh: int
    water_l: int
    before_wh: int


class SitesComparedOut(Shown):
    """The sites in one's reach, the one that used most first."""

    span: str
    sites: list[SiteTotalOut]


def use_out(report: UseReport) -> UseReportOut:
    """The use of a span."""
    whole = report.use.whole if report.use is not None else None
    return UseReportOut(
        site_id=report.site_id,
        name=report.name,
        time_zone=report.time_zone,
        span=report.span.name,
        since=report.span.since,
        until=report.span.until,
        energy_wh=report.energy_wh,
        water_l=report.water_l,
        before_wh=report.before_wh,
        year_ago_wh=report.year_ago_wh,
        base_w=whole.base_w if whole else None,
        night_permille=whole.night_permille if whole else None,
        bars=[BarOut.model_validate(each, from_attributes=True) for each in report.bars],
        meters=[_meter(each) for each in report.use.meters] if report.use else [],
    )


def _meter(each: MeterUse) -> MeterUseOut:
    load = each.load
    return MeterUseOut(
        meter_id=each.meter_id,
        label=each.label,
        account_id=each.account_id,
        utility=each.utility,
        first_wh=each.first_wh,
        last_wh=each.last_wh,
        energy_wh=load.energy_wh if load else None,
        base_w=load.base_w if load else None,
        night_permille=load.night_permille if load else None,
        odd_hours=[OddHourOut.model_validate(hour, from_attributes=True) for hour in load.odd] if load else [],
        empty=each.empty,
    )


def site_losses_out(span: str, found: tuple[Losses, ...]) -> SiteLossesOut:
    """The losses of a site."""
    return SiteLossesOut(span=span, mains=[losses_out(each) for each in found])


def allocation_out(given: Allocation) -> AllocationOut:
    """What is common, shared out."""
    return AllocationOut.model_validate(given, from_attributes=True)


def sites_out(span: str, found: tuple[SiteTotal, ...]) -> SitesComparedOut:
    """Sites side by side."""
    return SitesComparedOut(
        span=span, sites=[SiteTotalOut.model_validate(each, from_attributes=True) for each in found]
    )
