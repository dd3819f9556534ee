"""What the meters of an account show."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from miniprogram_api.models.common import Account, Given, Shown
from prepaid.domain.tariffs import Utility
from prepaid.usecases.show_readings import DAYS, MOST_DAYS, MeterReadings, OwnReadings


class ReadingsWish(Given):
    """So many of the last midnights."""

    days: int = Field(default=DAYS, ge=1, le=MOST_DAYS)


class AtMidnightOut(Shown):
    """When a local day began."""

    at: datetime
    total: int | None = Field(description="Wh, of water litres; null where the meter had not been read by then")


class MeterReadingsOut(Shown):
    """One meter. Totals go on across roll-over and replacement."""

    meter_id: str
    utility: Utility
    read_at: datetime | None = Field(description="When it was last read; null where it never was in this lease")
    total: int | None = Field(description="Wh, of water litres, as last read")
    power_w: int | None
    silent_since: datetime | None
    days: list[AtMidnightOut] = Field(description="The newest first")


class ReadingsOut(Shown):
    """All meters of the account."""

    account_id: Account
    label: str
    time_zone: str
    meters: list[MeterReadingsOut]


def readings_out(found: OwnReadings) -> ReadingsOut:
    """What the use case found."""
    return ReadingsOut(
        account_id=found.account_id,
        label=found.label,
        time_zone=found.site_time_zone,
        meters=[_meter(each) for each in found.meters],
    )


def _meter(found: MeterReadings) -> MeterReadingsOut:
    last = found.last
    return MeterReadingsOut(
        meter_id=found.meter_id,
        utility=found.utility,
        read_at=last.at if last else None,
        total=last.energy_wh if last else None,
        power_w=last.power_w if last else None,
        silent_since=found.silent_since,
        days=[AtMidnightOut(at=each.at, total=each.total) for each in found.days],
    )
