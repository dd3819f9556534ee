"""How dear coming days are: steps that are reached, months that begin anew, free units, and new price lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.dearness import PERMILLE, Going, Used, dear_permille, has_turns
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.tariffs import (
    Band,
    DayRule,
    Every,
    Schedule,
    Tariff,
    TariffPlan,
    flat,
    hours,
    point,
    pricer,
    stepped,
    time_of_use,
)
from prepaid.domain.tariffs.pricing import Carry
from prepaid.storage.driver import Database
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_balance import show_balance
from scheduler.jobs import forecasts
from tests.fakes.building import GATEWAY, build
from tests.fakes.clock import ManualClock

CALENDAR = SiteCalendar(country="")
MONTHLY = stepped("m", {0: 500_000, 200_000: 600_000, 300_000: 900_000})
"""Up to 200 kWh, up to 300, and beyond, in a month."""
YEARLY = stepped("y", {0: 500_000, 1_000_000: 900_000}, every=Every.YEAR)
FREE = replace(MONTHLY, id="f", free_wh=50_000)
DEARER = flat("d", 1_500_000, start=CALENDAR.midnight(date(2026, 4, 1)))
DAY_WH = 10_000
TODAY = date(2026, 3, 24)


def plan(*versions: Tariff) -> TariffPlan:
    """A price list."""
    return TariffPlan(versions=versions)


def priced(held: TariffPlan, since: date, days: int, carry: Carry) -> tuple[list[int], Carry, Used]:
    """What the pricing itself charges for even days, each one; where it stands then, and what was used."""
    pricing, used, costs = pricer(held, CALENDAR), Used(), []
    for number in range(days):
        day = since + timedelta(days=number)
        begins, ends = (CALENDAR.midnight(day + timedelta(days=more)) for more in (0, 1))
        charge, lines, carry = pricing.price(point(begins, 0), point(ends, DAY_WH), carry)
        costs.append(charge)
        for line in lines:
            used.add(day, line.energy_wh, str(line.band), line.price_micro + line.sewage_micro)
    return costs, carry, used


@pytest.mark.parametrize(
    "held",
    [
        plan(flat("t", 500_000)),
        plan(MONTHLY),
        plan(YEARLY),
        plan(FREE),
        plan(flat("t", 500_000), DEARER),
        plan(MONTHLY, replace(DEARER, id="n", steps=FREE.steps, free_wh=30_000)),
    ],
)
@pytest.mark.parametrize("since", [date(2026, 1, 1), date(2026, 2, 10), date(2026, 3, 17)])
def test_coming_days_cost_what_the_pricing_will_charge(held: TariffPlan, since: date) -> None:
    """M12: for somebody whose days are alike each of forty days is foretold to a thousandth, over steps and months."""
    days = (TODAY - since).days
    past, carry, used = priced(held, since, days, Carry())
    dear = dear_permille([Going(plan=held, used=used, days=days, carry=carry)], CALENDAR, TODAY, 40)
    mean = sum(past) / days
    coming, _, _ = priced(held, TODAY, 40, carry)
    assert [each / PERMILLE * mean for each in dear] == pytest.approx(coming, rel=0.01, abs=mean / PERMILLE)
    assert sum(used.valued_micro(since + timedelta(days=day)) for day in range(days)) == pytest.approx(
        sum(past), abs=days
    )


def test_bands_keep_their_shares() -> None:
    """Peak and valley as they were used, when both become dearer; and a list without bands for what had some."""
    rule = DayRule(spans=hours(Band.PEAK, "08:00-20:00") + hours(Band.VALLEY, "20:00-08:00"))
    old = time_of_use("o", Schedule(rules=(rule,)), {Band.PEAK: 800_000, Band.FLAT: 1, Band.VALLEY: 200_000})
    new = time_of_use(
        "n", Schedule(rules=(rule,)), {Band.PEAK: 1_600_000, Band.FLAT: 1, Band.VALLEY: 200_000}, start=DEARER.start
    )
    used = Used()
    used.add(TODAY, 3_000, "peak", 800_000)
    used.add(TODAY, 1_000, "valley", 200_000)
    april = (date(2026, 4, 1) - TODAY).days
    for later, permille in ((new, 5_000 * PERMILLE // 2_600), (replace(DEARER, id="x"), 6_000 * PERMILLE // 2_600)):
        going = Going(plan=plan(old, later), used=used, days=1, carry=Carry())
        dear = dear_permille([going], CALENDAR, TODAY, april + 1)
        assert dear == (*(PERMILLE,) * april, permille)


def test_nothing_used_nothing_said() -> None:
    """No use, or free use, has no price to compare with."""
    assert dear_permille([], CALENDAR, TODAY, 9) == ()
    assert dear_permille([Going(plan=plan(MONTHLY), used=Used(), days=9, carry=Carry())], CALENDAR, TODAY, 9) == ()
    assert [
        has_turns(each) for each in (plan(flat("t", 1)), plan(MONTHLY), plan(FREE), plan(flat("t", 1), DEARER))
    ] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(("held", "dearest"), [(plan(MONTHLY), False), (plan(flat("t", 500_000), DEARER), True)])
async def test_the_amount_for_a_holiday_goes_by_its_prices(
    database: Database, clock: ManualClock, held: TariffPlan, *, dearest: bool
) -> None:
    """From dear March into April: a month's steps begin anew and ask for less, a new price list asks for more."""
    building = await build(database, clock)
    off = tuple(date(2026, 4, day) for day in range(1, 6))
    building.site = replace(
        building.site, tariff=held, calendar=replace(building.site.calendar, country="", override_holidays=off)
    )
    business = building.business
    await business.store.sites.save_site(building.site)
    actor = await building.flat(1, balance_micro=400_000_000)
    clock.set(datetime(2026, 2, 28, 16, 30, tzinfo=UTC))
    for day in range(31):
        reading = Reading(meter_id="met-1", at=clock.now(), energy_wh=1_000 + day * 12_000)
        await settle_readings(business, Sweep(gateway_id=GATEWAY, readings=(reading,)))
        clock.advance(days=1)
    await building.give("acc-1", 1_000_000 - await building.balance_micro(1), "nearly nothing")
    await forecasts.job(business, "a").run()
    view = await show_balance(business, actor, "acc-1")
    assert view.hint is not None
    rest = (CALENDAR.midnight(off[0]) - clock.now()) / timedelta(days=1)
    _, carry, _ = priced(held, date(2026, 3, 1), 30, Carry())
    now_micro = pricer(held, CALENDAR).price_now(clock.now(), carry._replace(month_wh=360_000))
    later_micro = 1_500_000 if dearest else 500_000
    due = 12 * (rest * now_micro + len(off) * later_micro)
    assert due - 1_000_000 <= view.hint.amount_micro <= due * 1.35
