"""Explanations and statements over the real store: they tie to the entries and to the balances."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.metering import Meter
from prepaid.domain.tariffs import (
    Band,
    DayRule,
    Schedule,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    dearer,
    flat,
    hours,
    one_price,
)
from prepaid.storage.driver import Database
from prepaid.usecases.explain import Explanation, explain
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.show_statement import StatementView, show_statement
from prepaid.usecases.show_usage import show_usage
from tests.fakes.building import PRICE_MICRO, Building, build
from tests.fakes.clock import ManualClock

MORNING = datetime(2026, 3, 31, 0, 0, tzinfo=UTC)
"""Eight in the morning at the site."""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A building with three bands, two steps, a free amount, and a dearer version from April on."""
    building = await build(database, clock)
    clock.set(MORNING)
    day = DayRule(spans=(*hours(Band.PEAK, "08:00-22:00"), *hours(Band.VALLEY, "22:00-08:00")))
    base = Step(prices=band_prices({Band.PEAK: 900_001, Band.FLAT: 600_000, Band.VALLEY: 300_007}))
    old = Tariff(id="march", schedule=Schedule(rules=(day,)), steps=(base, dearer(base, 2_000, 100_000)), free_wh=500)
    april = datetime(2026, 3, 31, 16, tzinfo=UTC)
    new = replace(old, id="april", start=april, steps=(dearer(base, 0, 50_000),), free_wh=0)
    await save(building, TariffPlan(versions=(old, new)))
    return building


async def save(building: Building, plan: TariffPlan) -> None:
    """Gives the site this price list."""
    await building.business.store.sites.save_site(replace(building.site, tariff=plan))


async def explained(building: Building, tenant: Actor, seq: int) -> Explanation:
    """An explanation that ties to its entry and is contiguous."""
    found = await explain(building.business, tenant, "acc-1", seq)
    exact = sum(line.exact_nano for line in found.lines)
    assert exact + found.brought_nano == found.amount_micro * 1000 + found.carried_nano
    assert abs(found.carried_nano) <= 500
    uses = [line for line in found.lines if line.kind != "sewage"]
    assert sum(line.energy_wh for line in uses) == found.to_wh - found.from_wh
    assert [line.from_wh for line in uses] == [found.from_wh, *(line.to_wh for line in uses[:-1])]
    return found


async def test_an_entry_is_explained_to_the_last_nano(building: Building) -> None:
    """T2, M12, M13: interval, registers, bands, steps, prices and remainders add up to each entry and follow on."""
    tenant = await building.flat(1)
    register = 1_000
    await building.read(1, register)
    for used in (301, 777, 1_333, 2_001, 3):
        register += used
        await building.read(1, register, advance_s=4 * 3_600)
    found = [await explained(building, tenant, seq) for seq in range(1, 6)]
    assert [line.kind for line in found[0].lines] == ["free"]
    assert found[0].amount_micro == 0
    assert [(line.kind, line.block) for line in found[1].lines] == [("free", 0), ("use", 1)]
    assert [(line.band, line.block) for line in found[2].lines] == [("peak", 1), ("peak", 2)]
    assert [(line.band, line.tariff) for line in found[3].lines] == [
        ("peak", "march"),
        ("valley", "march"),
        ("valley", "april"),
    ]
    assert [one.brought_nano for one in found[1:]] == [one.carried_nano for one in found[:-1]]
    assert all(one.until == other.since for one, other in itertools.pairwise(found))


async def test_what_follows_a_rest_is_priced_when_it_was_used(building: Building) -> None:
    """M12: hours without use do not draw later energy into their own, cheaper band."""
    tenant = await building.flat(1)
    await building.read(1, 0)
    await building.read(1, 1_000, advance_s=15 * 3_600)
    await building.read(1, 1_000, advance_s=10 * 3_600)
    await building.read(1, 2_000, advance_s=3_600)
    found = await explained(building, tenant, 2)
    assert {line.band for line in found.lines} == {"peak"}


async def test_an_explanation_survives_its_tariff(building: Building) -> None:
    """M12, T2: a price list that is replaced later changes no explanation."""
    tenant = await building.flat(1)
    await building.read(1, 0)
    await building.read(1, 5_000, advance_s=3_600)
    before = await explained(building, tenant, 1)
    await save(building, TariffPlan(versions=(flat("other", 1),)))
    after = await explained(building, tenant, 1)
    assert replace(after, pace=None) == replace(before, pace=None), "all but how often the meter is read from now on"


async def test_an_entry_from_before_lines_were_kept_is_explained(building: Building) -> None:
    """F7, T2: what an older program posted at its one flat price still adds up."""
    tenant = await building.flat(1)
    ref: dict[str, str | int] = {
        "meter": "met-1",
        "from_at": MORNING.isoformat(),
        "to_at": (MORNING + timedelta(hours=1)).isoformat(),
        "from_wh": 10,
        "to_wh": 1_010,
        "period": "2026-03",
        "period_wh": 1_000,
        "charged_micro": 600_000,
        "tariff": "t1",
    }
    lines = (Line(customer("acc-1"), -600_000), Line("revenue:electricity", 600_000))
    await building.business.store.ledger.post(
        Posting(
            account_id="acc-1",
            idem="use:met-1:old",
            kind=Kind.CONSUMPTION,
            lines=lines,
            effective_at=MORNING,
            actor="meter:met-1",
            reason="reason.consumption",
            ref=ref,
        )
    )
    found = await explained(building, tenant, 1)
    assert [(line.energy_wh, line.price_micro) for line in found.lines] == [(1_000, 600_000)]
    view = await read(building, tenant, month="2026-03")
    assert (view.totals.energy_wh["flat"], view.totals.exact_nano["flat"]) == (1_000, 600_000_000)


async def test_a_top_up_explains_itself_by_its_postings(building: Building) -> None:
    """T2: an entry that is no use has no energy lines, and its postings say where the money came from."""
    tenant = await building.flat(1, balance_micro=7_000_000)
    found = await explain(building.business, tenant, "acc-1", 1)
    assert (found.amount_micro, found.lines, found.meter_id) == (7_000_000, (), None)
    assert sum(line.amount_micro for line in found.postings) == 0


async def test_nobody_explains_what_is_not_theirs(building: Building) -> None:
    """A1: a foreign account, a missing account and a missing entry answer alike."""
    tenant = await building.flat(1, balance_micro=1_000_000)
    await building.flat(2, balance_micro=1_000_000)
    for account_id, seq in (("acc-2", 1), ("acc-9", 1), ("acc-1", 2), ("acc-1", 0)):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await explain(building.business, tenant, account_id, seq)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await show_statement(building.business, tenant, "acc-2")


async def read(building: Building, actor: Actor, **span: object) -> StatementView:
    """A statement, read to its end, tied to its lines."""
    view = await show_statement(building.business, actor, "acc-1", **span)  # type: ignore[arg-type]
    rows = [row async for page in view.pages for row in page]
    assert view.opening_micro + sum(row.amount_micro for row in rows) == view.closing_micro
    assert view.closing_micro == (rows[-1].balance_micro if rows else view.opening_micro)
    assert sum(view.totals.energy_wh.values()) == sum(row.energy_wh for row in rows)
    assert len(rows) == view.entries == view.totals.entries
    assert sum(view.totals.amount_micro.values()) == view.closing_micro - view.opening_micro
    assert all(view.since <= row.at < view.until for row in rows)
    assert [row.seq for row in rows] == list(range(rows[0].seq, rows[-1].seq + 1)) if rows else True
    return view


async def test_statements_follow_one_another(building: Building) -> None:
    """T2, M2: each month opens with what the one before closed with; totals by kind and band tie to the register."""
    tenant = await building.flat(1, balance_micro=50_000_000)
    await building.read(1, 0)
    for hour in range(1, 40):
        await building.read(1, 97 * hour, advance_s=3_600)
    march = await read(building, tenant, month="2026-03")
    april = await read(building, tenant)
    assert (march.opening_micro, march.closing_micro) == (0, april.opening_micro)
    assert april.closing_micro == await building.balance_micro(1)
    assert march.totals.amount_micro["top_up"] + march.totals.amount_micro["adjustment"] == 50_000_000
    assert sum((march.totals.energy_wh + april.totals.energy_wh).values()) == 97 * 39
    assert set(april.totals.energy_wh) == {"peak", "valley"}
    spent = march.totals.amount_micro["consumption"] + april.totals.amount_micro["consumption"]
    exact = sum((march.totals.exact_nano + april.totals.exact_nano).values())
    assert abs(exact + spent * 1000) <= 500


async def test_any_span_is_found_in_the_chain(building: Building, clock: ManualClock) -> None:
    """T2: entries at an uneven pace are in the statement of their time and no other."""
    tenant = await building.flat(1)
    await building.read(1, 0)
    for step in range(1, 25):
        await building.read(1, 1_000 * step, advance_s=step * step * 977 % 90_000 + 60)
    instants = [entry.at for entry in await building.business.store.ledger.latest("acc-1", 100)]
    for since in [*instants, *(at + timedelta(seconds=1) for at in instants), MORNING - timedelta(days=9)]:
        view = await read(building, tenant, since=since, until=clock.now() + timedelta(seconds=2))
        assert view.entries == sum(at >= since for at in instants)
    empty = await read(building, tenant, month="2025-01")
    assert (empty.entries, empty.opening_micro, empty.closing_micro) == (0, 0, 0)


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "9999-12", "0001-01", "2026-11-01"])
async def test_a_month_that_is_none_is_refused(building: Building, month: str) -> None:
    """T2: a slip is told, never guessed at."""
    tenant = await building.flat(1)
    with pytest.raises(Refused, match=r"refused\.statement_"):
        await show_statement(building.business, tenant, "acc-1", month=month or "x")


async def test_a_statement_has_an_end(building: Building) -> None:
    """T2: a span that is empty or longer than a year and a bit is refused."""
    tenant = await building.flat(1)
    for since in (building.clock.now() - timedelta(days=500), building.clock.now()):
        with pytest.raises(Refused, match=r"refused\.statement_span"):
            await show_statement(building.business, tenant, "acc-1", since=since)


async def test_an_account_may_have_its_own_price_and_water(building: Building) -> None:
    """P5, M12: the account's plan wins over the site's, and water is priced by the water plan with its sewage."""
    tenant = await building.flat(1)
    store = building.business.store
    account = await store.sites.account("acc-1")
    assert account is not None
    own = TariffPlan(versions=(flat("own", 1_000_000),))
    water = Tariff(id="w", steps=(Step(prices=one_price(2_000_000)),), sewage_micro=900_000)
    plan = TariffPlan(versions=(water,), utility=Utility.WATER)
    await store.sites.save_account(replace(account, tariff=own, water_tariff=plan))
    meter = await store.meters.get("met-1")
    assert meter is not None
    await store.meters.add(replace(meter, id="met-9", unit=9, utility=Utility.WATER))
    for step in range(2):
        await building.read(1, 1_000 * step, advance_s=3_600)
        await building.read(9, 100 * step)
    electricity, tap = [await explained(building, tenant, seq) for seq in (1, 2)]
    assert (electricity.amount_micro, tap.amount_micro) == (1_000_000, 290_000)
    assert [(line.kind, line.exact_nano) for line in tap.lines] == [("use", 200_000_000), ("sewage", 90_000_000)]
    assert [line.account for line in tap.postings] == ["customer:acc-1", "revenue:water"]


async def test_water_without_a_price_is_read_and_not_billed(building: Building) -> None:
    """P5: a meter whose utility has no price list yet holds up nobody; it is billed once there is one."""
    tenant = await building.flat(1)
    store = building.business.store
    meter: Meter | None = await store.meters.get("met-1")
    assert meter is not None
    await store.meters.add(replace(meter, utility=Utility.WATER))
    await building.read(1, 0)
    await building.read(1, 500, advance_s=3_600)
    assert await building.balance_micro(1) == 0
    plan = TariffPlan(versions=(flat("w", 2_000_000),), utility=Utility.WATER)
    await store.sites.save_site(replace(building.site, water_tariff=plan))
    await building.read(1, 600, advance_s=3_600)
    assert await building.balance_micro(1) == -1_200_000
    assert (await explained(building, tenant, 1)).from_wh == 0


async def test_the_price_shown_is_the_one_in_force(building: Building, clock: ManualClock) -> None:
    """M16, P5: balance and chart use this hour's band and version; a flat price from before plans still holds."""
    tenant = await building.flat(1)
    await building.read(1, 0)
    await building.read(1, 1_000, advance_s=3_600)
    assert (await show_balance(building.business, tenant, "acc-1")).price_micro_per_kwh == 900_001
    clock.set(MORNING + timedelta(hours=17))
    assert (await show_balance(building.business, tenant, "acc-1")).price_micro_per_kwh == 350_007
    await building.business.store.sites.save_site(building.site)
    assert (await show_balance(building.business, tenant, "acc-1")).price_micro_per_kwh == PRICE_MICRO
    usage = await show_usage(building.business, tenant, "acc-1")
    assert usage.total_micro == usage.total_wh * PRICE_MICRO // 1000
