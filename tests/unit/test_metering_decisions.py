"""Held registers before an admin: what is shown, who may decide, and what a crash in between leaves behind."""

from __future__ import annotations

import asyncio

import pytest

from prepaid.domain.access import Role
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.metering import Doubt, Meter
from prepaid.domain.registers import CaseState, Decision, RegisterChange
from prepaid.storage.driver import Database
from prepaid.usecases.change_register import finish_change, finish_changes
from prepaid.usecases.decide_held_reading import decide_held_reading, held_readings
from prepaid.usecases.replace_meter import NewDevice, replace_meter
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

WIDTH = 100_000


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat whose meter was reset to 5 Wh after 1,000, seen twice."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=-1_000_000)
    await building.read(1, 900)
    await building.read(1, 1_000)
    await building.read(1, 5)
    await building.read(1, 25)
    return building


async def meter_of(building: Building, unit: int = 1) -> Meter:
    """The meter as it is stored."""
    meter = await building.business.store.meters.get(f"met-{unit}")
    assert meter is not None
    return meter


async def test_a_case_shows_what_is_needed_to_decide(building: Building) -> None:
    """S10, A2: the last good reading, the first and the latest doubtful one; and only to who is in charge there."""
    admin = await building.operator()
    (case,) = await held_readings(building.business, admin)
    assert case.before is not None
    assert (case.doubt, case.before.energy_wh, case.first.energy_wh, case.latest.energy_wh, case.count) == (
        Doubt.RESET,
        1_000,
        5,
        25,
        2,
    )
    for scope in ("acme/map", "acme/maple/b2", "other"):
        assert await held_readings(building.business, await building.operator(scope=scope)) == ()
    assert await held_readings(building.business, await building.operator(role=Role.VIEWER)) == ()


async def test_while_it_is_held_nothing_is_billed_and_nobody_is_cut(building: Building) -> None:
    """S10: no credit at all, and yet the supply stays on until somebody has decided."""
    for register in (45, 65, 85):
        await building.read(1, register, advance_s=24 * 3_600)
    assert (await building.supply(1)).wanted.on
    assert await building.balance_micro(1) == -1_000_000 - 60_000
    assert (await meter_of(building)).fresh_run == 0


async def test_a_decision_is_billed_from_and_on_record(building: Building) -> None:
    """M11, A3: after a reset the supply's total goes on from the first reading seen; who, what and why is kept."""
    admin = await building.operator()
    await decide_held_reading(building.business, admin, "met-1", Decision.RESET, "battery changed")
    assert await held_readings(building.business, admin) == ()
    await building.read(1, 30)
    assert await building.balance_micro(1) == -1_000_000 - 125 * 600
    (change,) = await building.business.store.registers.changes("met-1")
    assert (change.actor, change.reason, change.applied) == (admin.id, "battery changed", True)
    trail = await building.business.store.audit.latest("acme/maple", 10)
    assert ("register_reset", admin.id, "battery changed") in [(r.action, r.actor, r.reason) for r in trail]
    with pytest.raises(Refused, match=r"refused\.no_held_reading"):
        await decide_held_reading(building.business, admin, "met-1", Decision.RESET, "again")


async def test_only_who_is_in_charge_decides(building: Building) -> None:
    """A1, A2: a foreign meter and a missing one are refused alike, and both refusals are on record."""
    stranger = await building.operator(scope="other")
    for meter_id in ("met-1", "met-404"):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await decide_held_reading(building.business, stranger, meter_id, Decision.RESET, "why not")
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await replace_meter(building.business, stranger, meter_id, NewDevice(serial="x", first_wh=0), "why not")
    with pytest.raises(Refused, match=r"refused\.reason_missing"):
        await decide_held_reading(building.business, await building.operator(), "met-1", Decision.RESET, "  ")


async def test_a_rejected_case_can_be_thought_over(building: Building) -> None:
    """S10: after a rejection the readings stay held and nobody is asked again, but another decision is still open."""
    admin = await building.operator()
    await decide_held_reading(building.business, admin, "met-1", Decision.REJECT, "looks broken")
    await building.read(1, 45)
    assert (await meter_of(building)).held == 3
    assert await held_readings(building.business, admin) == ()
    await decide_held_reading(building.business, admin, "met-1", Decision.RESET, "was reset after all")
    await building.read(1, 50)
    assert await building.balance_micro(1) == -1_000_000 - 145 * 600


async def test_a_rejected_disturbance_ends_by_itself(building: Building) -> None:
    """S10: when the register is right again, it is billed from the last good reading as if nothing had been."""
    admin = await building.operator()
    await decide_held_reading(building.business, admin, "met-1", Decision.REJECT, "interference")
    await building.read(1, 1_060)
    meter = await meter_of(building)
    assert (meter.held, meter.doubt) == (0, None)
    assert await building.business.store.registers.case("met-1") is None
    assert await building.balance_micro(1) == -1_000_000 - 160 * 600


async def test_two_admins_at_once_decide_once(building: Building) -> None:
    """A3: one decision begins the epoch, the other is told that something changed meanwhile (F37)."""
    admins = [await building.operator(), await building.operator(role=Role.MANAGER)]
    decisions = (Decision.RESET, Decision.REJECT)
    answers = await asyncio.gather(
        *(
            decide_held_reading(building.business, admin, "met-1", decision, "mine")
            for admin, decision in zip(admins, decisions, strict=True)
        ),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers].count(RegisterChange) == 1
    assert all(isinstance(answer, RegisterChange | TryAgain | Refused) for answer in answers)
    assert len(await building.business.store.registers.changes("met-1")) == 1


async def test_a_crash_after_the_commit_is_finished_by_the_sweeper(building: Building) -> None:
    """Y1: the change's row is the commit; whatever step comes next, the sweeper ends in the same state, twice too."""
    store = building.business.store
    admin = await building.operator()
    change = await decide_held_reading(building.business, admin, "met-1", Decision.RESET, "first")
    settled = await meter_of(building)
    await building.read(1, 35)
    await building.read(1, 4)
    again = await decide_held_reading(building.business, admin, "met-1", Decision.REJECT, "second")
    await finish_change(building.business, change)
    assert (await meter_of(building)).register_epoch == again.epoch
    lost = RegisterChange(
        meter_id="met-1",
        epoch=again.epoch + 1,
        decision=Decision.RESET,
        at=building.clock.now(),
        actor=admin.id,
        reason="third",
        case_id=(await store.registers.case("met-1") or pytest.fail("no case")).id,
        before_offset_wh=settled.offset_wh,
        offset_wh=settled.offset_wh + 31,
        exponent=0,
        last=settled.last,
    )
    await store.registers.change(lost)
    assert await finish_changes(building.business) == 1
    assert await finish_changes(building.business) == 0
    assert (await meter_of(building)).offset_wh == settled.offset_wh + 31


async def test_a_replacement_keeps_the_supply_s_generations(building: Building) -> None:
    """S6, M11: the place keeps its id, watermark and supply row, so no number of a relay command is used again."""
    admin = await building.operator()
    before = await building.supply(1)
    mark = (await meter_of(building)).watermark
    device = NewDevice(serial="new-1", first_wh=3, profile="other", wraps_wh=WIDTH)
    await replace_meter(building.business, admin, "met-1", device, "burnt", final_wh=None)
    meter = await meter_of(building)
    assert (meter.watermark, meter.serial, meter.profile, meter.register_wraps_wh) == (mark, "new-1", "other", WIDTH)
    assert (meter.held, meter.doubt) == (0, None)
    assert (await building.supply(1)).wanted.generation == before.wanted.generation
    assert await building.business.store.registers.case("met-1") is None
    await building.read(1, 103)
    assert await building.balance_micro(1) == -1_000_000 - 200 * 600


async def test_a_final_register_out_of_reach_is_refused(building: Building) -> None:
    """M11: one digit too many in the final register would be a bill; nothing changes."""
    admin = await building.operator()
    for final in (999, 10_000, -1):
        with pytest.raises(Refused, match=r"refused\.final_register"):
            await replace_meter(
                building.business, admin, "met-1", NewDevice(serial="n", first_wh=0), "slip", final_wh=final
            )
    assert (await meter_of(building)).register_epoch == 0


async def test_a_disturbance_followed_by_a_reset_goes_on_from_the_reset(building: Building) -> None:
    """M11: a case that begins anew forgets what it began with, so that the base is the register's own first figure."""
    admin = await building.operator()
    await building.read(1, 900_000)
    await building.read(1, 30)
    case = await building.business.store.registers.case("met-1")
    assert case is not None
    assert (case.state, case.first.energy_wh) == (CaseState.OPEN, 30)
    await decide_held_reading(building.business, admin, "met-1", Decision.RESET, "seen")
    await building.read(1, 40)
    assert await building.balance_micro(1) == -1_000_000 - 110 * 600
