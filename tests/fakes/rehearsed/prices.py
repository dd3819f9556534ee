"""Price lists on the stage: room 101 pays by bands and steps and for water, room 102 one price."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.conversations.topics.prices import ShowPrices, ShowSitePrices
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs import Band, DayRule, Every, Fee, Schedule, Step, Utility, band_prices, flat, hours
from prepaid.usecases.draft_tariff import SiteTariffs, Stage, VersionSheet
from prepaid.usecases.show_prices import PriceSheet, PricesView
from tests.fakes.rights import SEES, STAFF, right

ZONE = "Asia/Shanghai"
SCHEDULE = Schedule(
    rules=(DayRule(spans=(*hours(Band.PEAK, "08:00-11:00", "18:00-21:00"), *hours(Band.VALLEY, "22:00-06:00"))),)
)
BANDS = {Band.PEAK: 1_016_500, Band.FLAT: 528_300, Band.VALLEY: 300_000}
STEPPED = replace(
    flat("2026", 528_300),
    schedule=SCHEDULE,
    steps=(
        Step(prices=band_prices(BANDS)),
        Step(prices=band_prices({band: micro + 50_000 for band, micro in BANDS.items()}), above_wh=240_000),
    ),
    free_wh=10_000,
    fees=(Fee(id="network", every=Every.MONTH, amount_micro=6_000_000),),
)
WATER = replace(flat("w", 2_070_000), sewage_micro=950_000)


def _prices(stage: Any, user: str, effect: ShowPrices) -> PricesView:
    del user
    rich = effect.account_id == "a101"
    calendar = SiteCalendar(time_zone=ZONE)
    today = SCHEDULE.of_day(stage.now.date(), calendar)
    power = PriceSheet(
        utility=Utility.ELECTRICITY,
        version=STEPPED if rich else flat("f", 600_000),
        today=today if rich else (),
        coming=flat("2027", 550_000, start=datetime(2026, 12, 31, 16, tzinfo=UTC)) if rich else None,
    )
    water = PriceSheet(utility=Utility.WATER, version=WATER, today=(), coming=None)
    return PricesView(
        account_id=effect.account_id,
        label=stage.rooms[effect.account_id].label,
        site_time_zone=ZONE,
        sheets=(power, water) if rich else (power,),
        fees=(("lift", "day", 500_000),) if rich else (),
    )


def _site_prices(stage: Any, user: str, effect: ShowSitePrices) -> SiteTariffs:
    del stage, user
    sheets = tuple(
        VersionSheet(utility=utility, version=version, stage=stage_of, hours=())
        for utility, version, stage_of in (
            (Utility.ELECTRICITY, flat("2026", 600_000), Stage.NOW),
            (Utility.ELECTRICITY, flat("2027", 550_000, start=datetime(2026, 12, 31, 16, tzinfo=UTC)), Stage.COMING),
            (Utility.WATER, WATER, Stage.NOW),
        )
    )
    return SiteTariffs(site_id=effect.site_id, name="枫丹苑", time_zone=ZONE, sheets=sheets)


ANSWERS: dict[Any, Any] = {ShowPrices: _prices, ShowSitePrices: _site_prices}
SCRIPTS = {
    "prices": (("anna", "电价"), ("ben", "price list"), ("ben", "how much is a kwh")),
    "siteprices": (("admin", "电价"), ("admin", "the prices of 枫丹苑"), ("admin", "电价 101")),
}
RIGHTS = (
    right("prices siteprices", lambda on: ShowPrices(account_id=on.account_id), SEES),
    replace(right("siteprices", lambda on: ShowSitePrices(site_id=on.site_id), STAFF), at_site=True),
)
