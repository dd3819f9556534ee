"""A price list in words becomes exactly the version that is meant, or a refusal that names what is wrong (A6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversations.price_words import read_price_list
from prepaid.domain.access import Role
from prepaid.domain.approvals import ApprovalState
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import Band, Every, Fee, Tariff, Utility, flat, plan_of, tariff_from_text, tariff_text
from prepaid.domain.tariffs.bands import clock_text
from prepaid.domain.tariffs.wish import check_wish, version_of
from prepaid.storage.driver import Database
from prepaid.usecases.change_tariff import change_tariff
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.draft_tariff import Begins, Stage, draft_tariff, named, site_tariffs
from prepaid.usecases.view_approvals import view_approval
from tests.fakes.building import SITE, Building, build
from tests.fakes.clock import ManualClock

DAY = "峰0.86 8-11 18-23，谷0.31 23-7，平0.56"
P86, P56, P31 = 860_000, 560_000, 310_000


def version(said: str, held: Tariff | None = None) -> Tariff:
    """What somebody means by it."""
    return version_of(read_price_list(said), held, "draft")


def prices(said: Tariff) -> list[tuple[int, list[int]]]:
    """Each step: above how many Wh, and its prices, dearest band first."""
    return [(step.above_wh, [step.price(band) for band in said.bands]) for step in said.steps]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("0.62", [(0, [620_000])]),
        ("¥０．６２ 元/度", [(0, [620_000])]),
        (DAY, [(0, [P86, P56, P31])]),
        ("peak 0.86 8-11, 18:00-23:00; valley 0.31 23-7; flat 0.56", [(0, [P86, P56, P31])]),
        (f"{DAY}，超200度加0.05", [(0, [P86, P56, P31]), (200_000, [P86 + 50_000, P56 + 50_000, P31 + 50_000])]),
        ("0.53，超200度0.58，超400度0.83", [(0, [530_000]), (200_000, [580_000]), (400_000, [830_000])]),
        ("above 400 0.83, 0.53, above 200 0.58", [(0, [530_000]), (200_000, [580_000]), (400_000, [830_000])]),
        ("峰0.9 6-22 谷0.3 22-6", [(0, [900_000, 300_000])]),
    ],
)
def test_what_is_said_is_what_is_meant(said: str, meant: list[tuple[int, list[int]]]) -> None:
    """A6: one price, bands and steps, in both languages and in whatever order, in exact micro-yuan."""
    read = version(said)
    assert prices(read) == meant
    assert tariff_from_text(tariff_text(read)) == read


def test_hours_fees_and_water_are_read_and_kept() -> None:
    """A6: hours pass midnight; what is not said of hours, fees and free amounts stays; water and years have words."""
    banded = replace(version(DAY), free_wh=15_000, fees=(Fee(id="net", every=Every.MONTH, amount_micro=6_000_000),))
    assert banded.schedule is not None
    spans = [
        (span.band, clock_text(span.since_min), clock_text(span.until_min)) for span in banded.schedule.rules[0].spans
    ]
    assert spans == [
        (Band.VALLEY, "00:00", "07:00"),
        (Band.PEAK, "08:00", "11:00"),
        (Band.PEAK, "18:00", "23:00"),
        (Band.VALLEY, "23:00", "24:00"),
    ]
    dearer = version("峰0.9 平0.6 谷0.3", banded)
    assert (dearer.schedule, dearer.fees, dearer.free_wh) == (banded.schedule, banded.fees, banded.free_wh)
    assert version("0.6 免费8度", banded).free_wh == 8_000
    wish = read_price_list("水 3.20 超180吨 4.85 污水 1.00 按年")
    assert (wish.utility, wish.one_micro, wish.sewage_micro, wish.every) == (
        Utility.WATER,
        3_200_000,
        1_000_000,
        Every.YEAR,
    )
    assert (wish.steps[0].above_wh, wish.steps[0].micro, wish.steps[0].adds) == (180_000, 4_850_000, False)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("五毛", "price_list_unreadable"),
        ("", "price_list_unreadable"),
        ("0.62 so what", "price_list_unreadable"),
        ("0.6 0.7", "price_list_unreadable"),
        ("峰0.86 峰0.9", "price_list_unreadable"),
        ("0.6 峰0.9", "price_list_unreadable"),
        ("8-11", "price_list_unreadable"),
        ("0.6 超200度", "price_list_unreadable"),
        ("-0.62", "price_list_unreadable"),
        ("0", "price_unreadable"),
        ("52", "price_unreadable"),
        ("水 60", "price_unreadable"),
        ("峰0.86 8-11 10-12 平0.5", "tariff_hours_overlap"),
        ("峰0.86 8-25 平0.5", "price_list_unreadable"),
        ("峰0.86 8-11", "price_list_gap"),
        ("峰0.86 谷0.3 23-7 平0.5", "price_list_band"),
        ("峰 8-11 平0.5", "price_list_band"),
        ("峰0.9 平0.6 谷0.3", "price_list_hours"),
        (f"{DAY} 超200度 0.9", "price_list_step_adds"),
        ("0.5 超200度0.6 超200度0.7", "price_list_steps"),
        ("0.62 " * 100, "price_list_unreadable"),
    ],
)
def test_what_cannot_be_a_price_list_is_refused_by_name(said: str, key: str) -> None:
    """A6: overlapping hours, gaps, missing prices, slips of the pen: each is refused, and nothing is half heard."""
    with pytest.raises(Refused) as refused:
        version(said)
    assert refused.value.key == f"refused.{key}"


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        ("峰0.86 8-11 18-23", "price_list_gap", {"clock": "00:00", "end": "08:00"}),
        ("峰0.86 8-11 谷0.31 18-8", "price_list_gap", {"clock": "11:00", "end": "18:00"}),
        ("峰0.86 6-22 谷0.3 23-6", "price_list_gap", {"clock": "22:00", "end": "23:00"}),
        ("峰0.9 0-23", "price_list_gap", {"clock": "23:00", "end": "24:00"}),
        ("0.5 超200度0.6 超200度0.7", "price_list_steps", {"units": 200}),
        ("峰0.9 平0.6 谷0.3 超200度加0.05 超200度加0.1", "price_list_steps", {"units": 200}),
        ("峰0.9 平0.6 超200度0.9", "price_list_step_adds", {}),
        ("0.6 污水1", "tariff_sewage", {}),
    ],
)
def test_a_gap_is_found_in_what_is_said_alone(said: str, key: str, words: dict[str, str | int]) -> None:
    """A6: hours without a price, or two steps in one place, are named before anything else is asked."""
    with pytest.raises(Refused) as refused:
        check_wish(read_price_list(said))
    assert (refused.value.key, refused.value.params) == (f"refused.{key}", words)


@pytest.mark.parametrize(
    "said", ["0.62", DAY, f"{DAY} 超200度加0.05", "峰0.9 平0.6 谷0.3", "峰0.9 6-22 谷0.3 22-6", "水 3.2 污水1"]
)
def test_hours_that_are_not_said_may_be_those_of_today(said: str) -> None:
    """A6: bands without hours fall back to the list in force, so they are no gap; nor is what is whole."""
    check_wish(read_price_list(said))


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building with a flat price."""
    clock.set(datetime(2026, 4, 2, 4, tzinfo=UTC))
    return await build(database, clock)


async def test_a_list_is_drafted_asked_for_seen_and_holds(building: Building) -> None:
    """A6, M12: the second person sees the very rows that were previewed; the list holds from the day that was said."""
    business = building.business
    manager, owner = await building.operator(role=Role.MANAGER), await building.operator(role=Role.OWNER)
    draft = await draft_tariff(business, manager, SITE, read_price_list(f"{DAY} 超200度加0.05"), Begins.NEXT_MONTH)
    assert draft.after.version.start == datetime(2026, 4, 30, 16, tzinfo=UTC)
    asked = await change_tariff(business, manager, SITE, named(draft.after.version, "chat-1"), why="grid")
    view = await view_approval(business, owner, asked.id)
    assert view.tariff is not None
    assert view.held is not None
    assert (view.tariff.version.steps, view.tariff.hours) == (draft.after.version.steps, draft.after.hours)
    assert view.held.version.id == "t1"
    assert (await approve(business, owner, asked.id, asked.digest)).state is ApprovalState.DONE
    shown = await site_tariffs(business, manager, SITE)
    assert [(sheet.version.id, sheet.stage) for sheet in shown.sheets] == [("t1", Stage.NOW), ("chat-1", Stage.COMING)]
    building.clock.set(datetime(2026, 5, 1, tzinfo=UTC))
    shown = await site_tariffs(business, manager, SITE)
    assert [(sheet.version.id, sheet.stage) for sheet in shown.sheets] == [("t1", Stage.PAST), ("chat-1", Stage.NOW)]


async def test_a_yes_comes_in_time_for_the_start_or_not_at_all(building: Building) -> None:
    """A6, M12: with a minute to take a yes back, a list that begins at midnight is agreed to by 23:59, or expires."""
    business = building.business
    sites = business.store.sites
    site = await sites.site(SITE)
    assert site is not None
    await sites.save_site(replace(site, limits=replace(site.limits, undo_s=60)))
    manager, owner = await building.operator(role=Role.MANAGER), await building.operator(role=Role.OWNER)
    start = datetime(2026, 4, 2, 16, tzinfo=UTC)
    asked = await change_tariff(business, manager, SITE, flat("soon", 700_000, start=start), why="grid")
    assert asked.expires_at == start - timedelta(seconds=60)
    building.clock.set(start - timedelta(seconds=30))
    with pytest.raises(Refused, match="approval_expired"):
        await approve(business, owner, asked.id, asked.digest)
    with pytest.raises(Refused, match="tariff_too_soon"):
        await change_tariff(business, manager, SITE, flat("too soon", 700_000, start=start), why="grid")
    site = await sites.site(SITE)
    assert site is not None
    assert [each.id for each in plan_of(site.tariff).versions] == ["t1"]


@pytest.mark.parametrize(("begins", "key"), [("2026-04-02", "tariff_past"), ("2026-13-01", "day_unreadable")])
async def test_a_day_that_has_begun_or_is_none_is_refused(building: Building, begins: str, key: str) -> None:
    """M12: a list begins at a local midnight to come."""
    manager = await building.operator(role=Role.MANAGER)
    with pytest.raises(Refused, match=key):
        await draft_tariff(building.business, manager, SITE, read_price_list("0.6"), begins)
