"""What a meter complains of by itself: overload, tampering, a stuck valve; and use in an empty room. Staff are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.metering import Meter, Reading, begins_use_while_empty, new_alarms
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, tell_staff

log = structlog.get_logger()

EMPTY_ROOM = "alarm.empty_room"


async def report_alarms(
    business: Business,
    meters: Mapping[str, Meter],
    sites: Mapping[str, Site],
    accounts: Mapping[str, Account],
    readings: Sequence[Reading],
) -> None:
    """Tells each alarm that the reading before did not have; one that comes and goes is told once a day (N1).

    It is done before the readings become the last: whoever dies in between meets the same crossing, by the same key.
    """
    for reading in readings:
        meter = meters[reading.meter_id]
        since = "first" if meter.last is None else f"{meter.last.at:%Y-%m-%d}"
        for alarm in new_alarms(meter, reading):
            log.warning("meter_alarm", meter=meter.id, alarm=alarm)
            crossing = Crossing(NoticeKind.METER_ALARM, f"{meter.id}:{alarm}:{since}")
            params = {"meter_id": meter.id, "why": f"alarm.{alarm}"}
            account = accounts.get(meter.account_id or "")
            await tell_staff(business, sites[meter.site_id], crossing, params, account=account)
        if begins_use_while_empty(meter, reading):
            log.warning("used_while_empty", meter=meter.id)
            crossing = Crossing(NoticeKind.METER_ALARM, f"{meter.id}:empty_room:{meter.vacant_wh}")
            await tell_staff(business, sites[meter.site_id], crossing, {"meter_id": meter.id, "why": EMPTY_ROOM})
