"""A price list is changed by two persons, from now or later, and never changes what was billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatwatt.tariff_files import load_plan
from prepaid.domain.access import Actor, Role
from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tariffs import (
    FlatTariff,
    Tariff,
    TariffPlan,
    Utility,
    flat,
    plan_of,
    stepped,
    tariff_from_text,
    tariff_text,
)
from prepaid.storage.driver import Database
from prepaid.usecases.change_tariff import change_as_agreed, change_tariff, preview_tariff
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.explain import explain
from tests.fakes.building import PRICE_MICRO, SITE, Building, build
from tests.fakes.clock import ManualClock

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples" / "tariffs").glob("*.yaml"))
DEARER = flat("t2", 1_000_000)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building with a flat price from before there were plans."""
    clock.set(datetime(2026, 4, 2, 4, tzinfo=UTC))
    return await build(database, clock)


async def plan(building: Building) -> TariffPlan:
    """The site's price list as it is stored."""
    site = await building.business.store.sites.site(SITE)
    assert site is not None
    return plan_of(site.tariff)


async def manager(building: Building) -> Actor:
    """Who may ask."""
    return await building.operator(role=Role.MANAGER)


async def agreed(building: Building, version: Tariff) -> Approval:
    """Asked for by a manager, agreed to by an owner."""
    asked = await change_tariff(building.business, await manager(building), SITE, version, why="the grid's price rose")
    owner = await building.operator(role=Role.OWNER)
    return await approve(building.business, owner, asked.id, asked.digest)


async def test_nothing_changes_until_a_second_person_agrees(building: Building) -> None:
    """A6, M12: a manager asks, an owner agrees; it holds from that moment, and the interval under way is cut there."""
    tenant = await building.flat(1)
    await building.read(1, 0)
    asked = await change_tariff(building.business, await manager(building), SITE, DEARER, why="costs")
    assert [version.id for version in (await plan(building)).versions] == ["t1"]
    building.clock.advance(seconds=1_800)
    owner = await building.operator(role=Role.OWNER)
    done = await approve(building.business, owner, asked.id, asked.digest)
    assert done.state is ApprovalState.DONE
    assert [version.id for version in (await plan(building)).versions] == ["t1", "t2"]
    await building.read(1, 1_000, advance_s=1_800)
    lines = (await explain(building.business, tenant, "acc-1", 1)).lines
    assert [(line.tariff, line.energy_wh) for line in lines] == [("t1", 500), ("t2", 500)]
    assert await building.balance_micro(1) == -(500 * PRICE_MICRO + 500 * 1_000_000) // 1000


async def test_carrying_out_twice_adds_one_version(building: Building) -> None:
    """Y1: a crash after the change and before its record is finished without a second version."""
    done = await agreed(building, DEARER)
    before = await plan(building)
    building.clock.advance(seconds=60)
    await change_as_agreed(building.business, done)
    assert await plan(building) == before


async def test_everybody_learns_of_a_new_price_once(building: Building) -> None:
    """N1, Y1: old and new price and the day, for each flat, once however often the change is carried out."""
    tenant = await building.flat(1)
    start = building.clock.now() + timedelta(days=3)
    done = await agreed(building, replace(DEARER, start=start))
    await change_as_agreed(building.business, done)
    rows = await building.business.store.notices.of_person(tenant.id, 10)
    (told,) = [row for row in rows if row.kind is NoticeKind.TARIFF_CHANGES]
    figures = {key: told.params[key] for key in ("old_exact_micro", "new_exact_micro", "since", "label")}
    assert figures == {
        "old_exact_micro": PRICE_MICRO,
        "new_exact_micro": 1_000_000,
        "since": start.isoformat(),
        "label": "101",
    }


async def test_a_later_version_gives_up_those_that_wait_behind_it(building: Building) -> None:
    """M12, F37: a wrong list that was announced is replaced before it starts; one in force stays where it held."""
    soon, later = building.clock.now() + timedelta(days=5), building.clock.now() + timedelta(days=9)
    await agreed(building, replace(DEARER, id="wrong", start=later))
    await agreed(building, replace(DEARER, id="right", start=soon))
    assert [(version.id, version.start) for version in (await plan(building)).versions][1:] == [("right", soon)]


async def test_the_past_is_never_changed(building: Building) -> None:
    """M12: a start in the past is refused when asked, and when the second person comes too late."""
    asker, now = await manager(building), building.clock.now()
    with pytest.raises(Refused, match="tariff_past"):
        await change_tariff(building.business, asker, SITE, replace(DEARER, start=now - timedelta(seconds=1)), why="x")
    with pytest.raises(Refused, match="tariff_id_taken"):
        await change_tariff(building.business, asker, SITE, flat("t1", 1), why="x")
    with pytest.raises(Refused, match="reason_needed"):
        await change_tariff(building.business, asker, SITE, DEARER, why=" ")
    asked = await change_tariff(building.business, asker, SITE, replace(DEARER, start=now), why="x")
    building.clock.advance(seconds=5)
    owner = await building.operator(role=Role.OWNER)
    with pytest.raises(Refused, match="approval_expired"):
        await approve(building.business, owner, asked.id, asked.digest)
    assert len((await plan(building)).versions) == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.FINANCE, Role.VIEWER])
async def test_who_may_not_change_prices(building: Building, role: Role) -> None:
    """A2, A1: others, and managers of another site, meet what they would meet at a site that is not there."""
    for actor in (await building.operator(role=role), await building.operator(role=Role.OWNER, scope="elsewhere")):
        for attempt in (
            change_tariff(building.business, actor, SITE, DEARER, why="x"),
            preview_tariff(building.business, actor, SITE, DEARER),
        ):
            with pytest.raises(Refused, match="not_found"):
                await attempt


async def test_the_store_keeps_the_first_of_two_changes(building: Building) -> None:
    """Y1: a change that was read before another one was written does not undo it."""
    sites, old = building.business.store.sites, await plan(building)
    one, other = (old.having(flat(name, 1, start=building.clock.now())) for name in ("one", "other"))
    assert await sites.set_tariff(SITE, building.site.tariff, one)
    assert not await sites.set_tariff(SITE, building.site.tariff, other)
    assert not await sites.set_tariff(SITE, replace(building.site, tariff=other).tariff, other)
    assert await plan(building) == one
    assert await sites.set_tariff(SITE, one, one.having(flat("three", 1, start=building.clock.now() + timedelta(1))))
    water = TariffPlan(versions=(flat("w", 2),), utility=Utility.WATER)
    assert await sites.set_tariff(SITE, None, water)
    assert not await sites.set_tariff(SITE, None, water)


async def test_a_preview_prices_last_month_at_both(building: Building) -> None:
    """A6: whoever agrees sees what it would have cost; accounts with a price of their own are left out."""
    building.clock.set(datetime(2026, 3, 5, tzinfo=UTC))
    await building.flat(1)
    await building.flat(2)
    for hour in range(30):
        for unit in (1, 2):
            await building.read(unit, 400 * hour, advance_s=1_800)
    store = building.business.store
    own = await store.sites.account("acc-2")
    assert own is not None
    await store.sites.save_account(replace(own, tariff=FlatTariff(id="own", price_micro_per_kwh=1)))
    building.clock.set(datetime(2026, 4, 2, 4, tzinfo=UTC))
    version = stepped("t2", {0: 500_000, 5_000: 1_000_000})
    preview = await preview_tariff(building.business, await manager(building), SITE, version)
    assert (preview.month, preview.accounts) == ("2026-03", 1)
    [line] = preview.lines
    assert (line.account_id, line.energy_wh) == ("acc-1", 400 * 29)
    assert line.before_micro == 400 * 29 * PRICE_MICRO // 1000
    assert line.after_micro == 5_000 * 500 + (400 * 29 - 5_000) * 1_000


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_any_price_list_survives_the_store_and_its_text(building: Building, path: Path) -> None:
    """A6, F7: what two persons agree to is what is stored and read again, field by field."""
    for version in load_plan(path).versions:
        assert tariff_from_text(tariff_text(version)) == version
    listed = load_plan(path)
    store = building.business.store
    await store.sites.save_site(replace(building.site, tariff=listed))
    assert await plan(building) == listed
    await building.flat(1)
    account = await store.sites.account("acc-1")
    assert account is not None
    await store.sites.save_account(replace(account, tariff=listed))
    stored = await store.sites.account("acc-1")
    assert stored is not None
    assert stored.tariff == listed
