"""What a meter complains of by itself: overload, tampering, a stuck valve; and use in an empty room.

The staff is told; of too much load also whoever lives there, who alone can switch something off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.metering import Meter, Reading, begins_use_while_empty, new_alarms
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, tell_account, tell_staff

log = structlog.get_logger()

EMPTY_ROOM = "alarm.empty_room"
OF_LOAD = frozenset({"over_limit", "malicious_load"})


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
            key = f"{meter.id}:{alarm}:{since}"
            params: dict[str, str | bool] = {"meter_id": meter.id, "why": f"alarm.{alarm}"}
            account, site = accounts.get(meter.account_id or ""), sites[meter.site_id]
            if account is not None and alarm in OF_LOAD:
                await tell_account(business, account, site, Crossing(NoticeKind.TOO_MUCH_LOAD, key), params)
                params["told"] = bool(await business.store.people.of_account(account.id))
            await tell_staff(business, site, Crossing(NoticeKind.METER_ALARM, key), params, account=account)
        if begins_use_while_empty(meter, reading):
            log.warning("used_while_empty", meter=meter.id)
            crossing = Crossing(NoticeKind.METER_ALARM, f"{meter.id}:empty_room:{meter.vacant_wh}")
            await tell_staff(business, sites[meter.site_id], crossing, {"meter_id": meter.id, "why": EMPTY_ROOM})
