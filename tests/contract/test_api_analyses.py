"""Analyses through the API: the same figures as the use cases give, as JSON, CSV and XLSX, within one's reach."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from python_calamine import load_workbook

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.tariffs import Utility
from prepaid.usecases.compare_site import use_report
from tests.fakes.api_house import ApiHouse

MARCH = datetime(2026, 2, 28, 16, tzinfo=UTC)
"""Midnight of 1 March in Shanghai."""
USED = {"main": 1_000, "met-1": 301, "met-2": 400, "tap": 20}


async def grown(house: ApiHouse) -> None:
    """Two rooms, a tap and a main meter that counts more than the rooms."""
    await house.building.flat(2)
    store = house.parts.business.store
    main = Meter(id="main", site_id="maple", path="acme/maple/b1", gateway_id="gw-1", unit=20, profile="test")
    tap = replace(main, id="tap", path="acme/maple/b1/101", unit=21, account_id="acc-1", utility=Utility.WATER)
    for meter in (main, tap):
        await store.meters.add(meter)
    kept = [
        Reading(meter_id=name, at=MARCH + timedelta(hours=hour), energy_wh=wh * hour)
        for name, wh in USED.items()
        for hour in range(3)
    ]
    await store.readings.keep(kept, "Asia/Shanghai")
    await store.meters.saw([(reading, 1) for reading in kept[2::3]])
    house.building.clock.set(MARCH + timedelta(days=1, hours=5))


async def test_analyses_are_those_of_the_use_cases_and_come_as_files(house: ApiHouse, tenant: Actor) -> None:
    """A2, M7: bars, losses, shares and sites are the registers'; files say the same; a foreign site is not there."""
    await grown(house)
    viewer = (await house.tokens(await house.building.operator(role=Role.VIEWER))).access
    other = (await house.tokens(await house.building.operator(scope="other", role=Role.OWNER))).access
    paths = {
        "sites/maple/reports/use?span=2026-03-01": "sites/maple/exports/use?span=2026-03-01",
        "sites/maple/reports/losses": "sites/maple/exports/losses?span=2026-03",
        "meters/main/share?span=2026-03&rule=use": "meters/main/exports/share?span=2026-03&rule=use",
        "reports/sites?span=2026-03": "exports/sites?span=2026-03",
    }
    use, losses, share, sites = [(await house.call("GET", f"/admin/{path}", token=viewer)).body for path in paths]
    told = await use_report(house.parts.business, CLOCK, "maple", "2026-03-01")
    rooms = 2 * (USED["met-1"] + USED["met-2"])
    assert (use["energy_wh"], use["water_l"], told.energy_wh) == (rooms, 40, rooms)
    assert [bar["energy_wh"] for bar in use["bars"]] == [bar.energy_wh for bar in told.bars]
    assert {each["meter_id"]: each["energy_wh"] for each in use["meters"]} == {
        name: 2 * wh for name, wh in USED.items() if name != "main"
    }
    (main,) = losses["mains"]
    assert (losses["span"], main["loss_wh"], main["loss_permille"]) == ("2026-03", 598, 299)
    assert sum(each["share_wh"] for each in share["shares"]) == share["common_wh"] == 598
    (site,) = sites["sites"]
    assert (site["energy_wh"], site["water_l"]) == (rooms, 40)
    expected = {"use": "1.402", "losses": "0.598", "share": "0.598", "sites": "1.402"}
    for path in paths.values():
        sheet = await house.call("GET", f"/admin/{path}&format=csv", token=viewer)
        book = await house.call("GET", f"/admin/{path}", token=viewer)
        cells = {cell for row in csv.reader(io.StringIO(sheet.body.decode("utf-8-sig"))) for cell in row}
        name = path.partition("?")[0].rpartition("/")[2]
        assert f'filename="{name}-2026-03' in sheet.headers["Content-Disposition"]
        rows = [row for each in load_workbook(io.BytesIO(book.body)).sheet_names for row in _rows(book.body, each)]
        assert expected[name] in cells | {str(cell) for row in rows for cell in row}, (name, cells)
    for path in (*paths, *paths.values()):
        answer = await house.call("GET", f"/admin/{path}", token=other)
        assert (answer.status == 404) or answer.body["sites"] == []
        assert (await house.call("GET", f"/admin/{path}", token=(await house.tokens(tenant)).access)).status == 404
    assert (await house.call("GET", "/admin/sites/maple/reports/use?span=2026-13", token=viewer)).status == 422


def _rows(content: bytes, name: str) -> list[list[object]]:
    return [list(row) for row in load_workbook(io.BytesIO(content)).get_sheet_by_name(name).to_python()]
