"""What a tenant's meters show over the API: now and at the last midnights, and nothing from before the lease."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from prepaid.domain.metering import Reading
from tests.fakes.api_house import ApiHouse

ZONE = ZoneInfo("Asia/Shanghai")


async def read_for_days(house: ApiHouse, days: int) -> list[Reading]:
    """A reading at each noon and midnight up to now, half a kWh more each time."""
    now = house.building.clock.now()
    readings = [
        Reading(
            meter_id="met-1",
            at=now - timedelta(hours=12 * (2 * days - half)),
            energy_wh=5_000 + 500 * half,
            power_w=420,
        )
        for half in range(2 * days + 1)
    ]
    store = house.parts.business.store
    await store.readings.keep(readings, "Asia/Shanghai")
    await store.meters.saw([(readings[-1], 3)])
    await store.readings.close_days(now - timedelta(hours=28), 100)
    return readings


@pytest.mark.parametrize("moved_in", [False, True], ids=["long ago", "two days ago"])
async def test_meters_show_now_and_each_midnight(house: ApiHouse, moved_in: bool) -> None:
    """A1, M11: the last register and those of the midnights of the lease, newest first; a meter never read says so."""
    tenant = await house.building.flat(1, balance_micro=7_000_000)
    token = (await house.tokens(tenant)).access
    never = (await house.call("GET", "/accounts/acc-1/readings?days=1", token=token)).body["meters"][0]
    assert (never["read_at"], never["total"], [each["total"] for each in never["days"]]) == (None, None, [None])
    readings = await read_for_days(house, 5)
    sites = house.parts.business.store.sites
    account = await sites.account("acc-1")
    assert account is not None
    if moved_in:
        await sites.save_account(replace(account, lease_from=house.building.clock.now() - timedelta(days=2)))
    answer = await house.call("GET", "/accounts/acc-1/readings?days=4", token=token)
    assert answer.status == 200
    (meter,) = answer.body["meters"]
    assert (meter["meter_id"], meter["utility"], meter["total"], meter["power_w"]) == (
        "met-1",
        "electricity",
        10_000,
        420,
    )
    assert datetime.fromisoformat(meter["read_at"]) == readings[-1].at
    midnights = [datetime.fromisoformat(each["at"]).astimezone(ZONE) for each in meter["days"]]
    assert {(each.hour, each.minute) for each in midnights} == {(0, 0)}
    assert midnights == sorted(midnights, reverse=True)
    shown = [9_500, 8_500, 7_500, 6_500]
    assert [each["total"] for each in meter["days"]] == (shown[:2] if moved_in else shown)


async def test_readings_of_others_and_of_no_days(house: ApiHouse) -> None:
    """A1, Y3: a neighbour's meters are as missing as none; the days have bounds."""
    tenant = await house.building.flat(1)
    await house.building.flat(2)
    token = (await house.tokens(tenant)).access
    foreign, missing = [
        await house.call("GET", f"/accounts/{each}/readings", token=token) for each in ("acc-2", "acc-9")
    ]
    assert (foreign.status, foreign.body["key"]) == (missing.status, missing.body["key"]) == (404, "refused.not_found")
    for days in (0, 63):
        assert (await house.call("GET", f"/accounts/acc-1/readings?days={days}", token=token)).status == 400
