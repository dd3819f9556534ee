"""What an account's meters show: now, and at the midnights of the last days, from when its lease began (A1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of

DAYS = 7
MOST_DAYS = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMidnight:
    """What a meter showed when a local day began; None where it had not been read by then."""

    at: datetime
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReadings:
    """One meter. Totals are Wh, of water litres; they go on across roll-over and replacement."""

    meter_id: str
    utility: Utility
    last: Reading | None
    silent_since: datetime | None
    days: tuple[AtMidnight, ...]
    """The newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReadings:
    """All meters of an account."""

    account_id: str
    label: str
    site_time_zone: str
    meters: tuple[MeterReadings, ...]


async def show_readings(business: Business, actor: Actor, account_id: str, *, days: int = DAYS) -> OwnReadings:
    """The last reading of each meter, and what it showed at the last `days` midnights.

    Raises `Refused` for an account out of reach, and for a number of days that is not from 1 to `MOST_DAYS`.
    """
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    if not 1 <= days <= MOST_DAYS:
        raise Refused("refused.readings_days", most=MOST_DAYS)
    calendar = (await site_of(business, account)).calendar
    today = business.clock.now().astimezone(ZoneInfo(calendar.time_zone)).date()
    starts = [calendar.midnight(today - timedelta(days=back)) for back in range(days)]
    # What a meter showed before somebody moved in is another's business (A1).
    starts = [at for at in starts if account.lease_from is None or at >= account.lease_from]
    meters = await business.store.meters.of_account(account.id)
    return OwnReadings(
        account_id=account.id,
        label=account.label,
        site_time_zone=calendar.time_zone,
        meters=tuple([await _readings(business, meter, starts, account.lease_from) for meter in meters]),
    )


async def _readings(
    business: Business, meter: Meter, starts: list[datetime], lease_from: datetime | None
) -> MeterReadings:
    totals = await business.store.readings.registers_at(meter.id, starts) if starts else ()
    last = meter.last
    if last is not None and lease_from is not None and last.at < lease_from:
        last = None
    return MeterReadings(
        meter_id=meter.id,
        utility=meter.utility,
        last=last,
        silent_since=meter.silent_since,
        days=tuple(AtMidnight(at=at, total=total) for at, total in zip(starts, totals, strict=True)),
    )
