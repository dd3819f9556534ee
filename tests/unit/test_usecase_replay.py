"""The same events at the same hours, twice: the heart has no dice, and no clock but the one that it is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from prepaid.domain.tariffs import Every, Fee, TariffPlan, stepped
from prepaid.storage.driver import Database
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.post_fees import post_fees
from prepaid.usecases.take_emergency_credit import take_emergency_credit
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

YUAN = 1_000_000
STATE = ("entries", "ledger_heads", "meters", "supplies", "accounts", "held_readings", "reading_days")


async def play(building: Building) -> None:
    """A flat falls through its levels, is warned, cut, lent to, paid for and cut again; its neighbour's meter lies."""
    plan = TariffPlan(
        versions=(
            replace(
                stepped("t", {0: 600_000, 2_000: 900_000}), fees=(Fee(id="line", every=Every.DAY, amount_micro=50_000),)
            ),
        )
    )
    credit = replace(building.site.credit, emergency_micro=2 * YUAN, emergency_threshold_micro=YUAN)
    await building.business.store.sites.save_site(replace(building.site, tariff=plan, credit=credit))
    tenant = await building.flat(1, balance_micro=2 * YUAN)
    await building.flat(2, balance_micro=50 * YUAN, tenant=False)
    sender = RecordingSender()
    for hour in range(12):
        await building.read(1, 10_000 + 450 * hour, advance_s=1_800)
        await building.read(2, 70_000 - 9_000 * (hour == 7) + 300 * hour, advance_s=1_800)
        await post_fees(building.business)
        await deliver_notices(building.business, {"chat": sender})
        if hour == 6:
            await take_emergency_credit(building.business, tenant, "acc-1")
        if hour == 9:
            await building.give("acc-1", 9 * YUAN, "rescue")
    building.clock.advance(seconds=timedelta(days=1).total_seconds())
    await post_fees(building.business)


async def state(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that money and light depend on."""
    return {
        name: sorted([row async for row in database.collection(name).find({})], key=lambda row: str(row["_id"]))
        for name in STATE
    }


async def test_the_same_events_at_the_same_hours_give_the_same_state(
    database: Database, bare_database: Database
) -> None:
    """Y6: entry by entry with its hash, switch by switch with its reason, in two stores."""
    for each in (database, bare_database):
        await play(await build(each, ManualClock()))
    first, second = await state(database), await state(bare_database)
    assert len(first["entries"]) > 20
    assert {row["wanted"]["reason"] for row in first["supplies"]} != {""}
    for name in STATE:
        assert first[name] == second[name], name
