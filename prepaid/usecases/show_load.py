"""What an account's electricity does at rest: the load that never ends, the share of the night, odd hours (A1, T1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.load import HOUR, Hours, Load, added, load_of
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of

DAYS = 30
MOST_DAYS = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLoad:
    """Whole local days up to the last midnight. `load` is None where there is no electricity meter or no whole day."""

    account_id: str
    label: str
    site_time_zone: str
    since: datetime
    until: datetime
    days: int
    known_hours: int
    """Hours of which both ends were read: a new meter, or one that was away, has fewer than the days have."""
    load: Load | None

    @property
    def base_wh(self) -> int | None:
        """What the base load alone took in the hours that are known."""
        if self.load is None or self.load.base_w is None:
            return None
        return self.load.base_w * self.known_hours


async def show_load(business: Business, actor: Actor, account_id: str, *, days: int = DAYS) -> OwnLoad:
    """The last `days` whole days of all electricity meters of the account together, from the beginning of its lease on.

    Raises `Refused` for an account out of reach, and for a number of days that is not from 2 to `MOST_DAYS`.
    """
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    if not 2 <= days <= MOST_DAYS:  # noqa: PLR2004 - one day has too few hours to tell what is usual
        raise Refused("refused.load_days", most=MOST_DAYS)
    calendar = (await site_of(business, account)).calendar
    zone = ZoneInfo(calendar.time_zone)
    today = business.clock.now().astimezone(zone).date()
    until, first = calendar.midnight(today), today - timedelta(days=days)
    if account.lease_from is not None:
        # What was used before is somebody else's business (A1), and the day of moving in is shared.
        lease = account.lease_from.astimezone(zone).date()
        began = lease if calendar.midnight(lease) >= account.lease_from else lease + timedelta(days=1)
        first = max(first, began)
    since = min(calendar.midnight(first), until)
    meters = await business.store.meters.of_account(account.id)
    found = [
        await business.store.readings.hours(meter.id, since, until)
        for meter in meters
        if meter.utility is Utility.ELECTRICITY and since < until
    ]
    totals = [each.total_wh for each in found if each.total_wh is not None]
    wh = added(each.wh for each in found) if totals else ()
    hours = Hours(since, (until - since) // HOUR, calendar.time_zone)
    return OwnLoad(
        account_id=account.id,
        label=account.label,
        site_time_zone=calendar.time_zone,
        since=since,
        until=until,
        days=max(0, (today - first).days),
        known_hours=sum(each is not None for each in wh),
        load=load_of(hours, wh, sum(totals)) if totals else None,
    )
