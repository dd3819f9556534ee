"""Electricity at rest."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from miniprogram_api.models.common import Account, Given, Shown
from prepaid.usecases.show_load import DAYS, MOST_DAYS, OwnLoad


class LoadWish(Given):
    """So many of the last whole days."""

    days: int = Field(default=DAYS, ge=2, le=MOST_DAYS)


class OwnOddHourOut(Shown):
    """An hour that took far more than others of its kind."""

    at: datetime
    energy_wh: int
    usual_wh: int


class LoadOut(Shown):
    """Electricity at rest, over whole local days of the lease. Null where less than two days were read."""

    account_id: Account
    label: str
    time_zone: str
    since: datetime
    until: datetime
    energy_wh: int | None
    base_w: int | None = Field(description="What all but 5 % of the hours exceed")
    base_wh: int | None = Field(description="What the base load alone took in the hours that are known")
    night_permille: int | None = Field(description="The share of midnight to six")
    odd_hours: list[OwnOddHourOut]


def load_out(found: OwnLoad) -> LoadOut:
    """What the use case found."""
    load = found.load
    return LoadOut(
        account_id=found.account_id,
        label=found.label,
        time_zone=found.site_time_zone,
        since=found.since,
        until=found.until,
        energy_wh=load.energy_wh if load else None,
        base_w=load.base_w if load else None,
        base_wh=found.base_wh,
        night_permille=load.night_permille if load else None,
        odd_hours=[OwnOddHourOut.model_validate(odd, from_attributes=True) for odd in load.odd] if load else [],
    )
