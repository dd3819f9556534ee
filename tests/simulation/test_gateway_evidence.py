"""What a relay says of itself is held against what flows; valves, boards and buttons take their own ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meters import profiles
from meters.parts import AlarmKind
from meters.profiles import load_board, load_profile, profile_text
from prepaid.domain.supply import Outcome, Restoring, SupplyPolicy
from sandbox.meters import SandboxBoard
from tests.fakes.field import PROFILE, running_field

BUTTON = "with_a_button"


@pytest.fixture
def button_profile(tmp_path: Path) -> Iterator[str]:
    """The usual model, but it can be allowed to close, and a person presses its button."""
    text = profile_text(PROFILE).replace(f"name: {PROFILE}", f"name: {BUTTON}")
    text = text.replace("closed: [1], open: [0]}", "closed: [1], open: [0], allow: [2]}")
    text = text.replace("closed: 1, open: 0}", "closed: 1, open: 0, allowed: 2}")
    (tmp_path / f"{BUTTON}.yaml").write_text(text, encoding="utf-8")
    profiles.look_also_in(tmp_path)
    yield BUTTON
    profiles.look_also_in(None)


async def test_a_contact_moved_by_hand_is_put_back_and_reported() -> None:
    """S13: drift is repaired, and somebody hears that it happened."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        meter = field.sandbox.meter(3)
        meter.flip(closed=False)
        await meter.wait_relay(closed=True)
        await field.until(lambda: "moved m3" in field.told)
        assert field.told == ["moved m3"]


async def test_a_welded_contact_is_found_by_its_load() -> None:
    """S4: the relay says that it is off and the load goes on: somebody is told once, and it is not cut again."""
    async with running_field(units=1) as field:
        await field.until(lambda: len(field.readings) >= 1)
        meter = field.sandbox.meter(1)
        generation = await field.want("m1", on=False)
        await field.until(lambda: ("m1", generation, False) in field.records)
        meter.faults.welded = True
        await field.until(lambda: field.told == ["bypassed m1"])
        before = len(field.readings)
        await field.until(lambda: len(field.readings) >= before + 3)
        assert field.told == ["bypassed m1"]
        assert meter.writes == 1


async def test_many_contacts_that_come_on_by_themselves_wait_for_a_person() -> None:
    """S8: relays that should be off are found on in numbers: some are cut again, then the breaker opens."""
    async with running_field(units=4) as field:
        field.policy = SupplyPolicy(cuts_a_site_hour=2)
        for unit in range(1, 5):
            await field.want(f"m{unit}", on=False)
        await field.until(lambda: len(field.records) >= 4)
        for unit in range(1, 5):
            field.sandbox.meter(unit).flip(closed=True)
        await field.until(lambda: "recuts held" in field.told)
        closed = [meter.relay_closed for meter in field.sandbox.meters]
        assert closed.count(False) == 2


async def test_a_device_that_may_close_waits_for_the_button(button_profile: str) -> None:
    """S1, S4: allowed is written and read back; the supply counts as on when the person has pressed."""
    async with running_field(units=1, profile=button_profile) as field:
        field.policy = SupplyPolicy(restoring=Restoring.ALLOW)
        meter = field.sandbox.meter(1)
        off = await field.want("m1", on=False)
        await field.until(lambda: ("m1", off, False) in field.records)
        on = await field.want("m1", on=True)
        await field.until(lambda: field.supplies["m1"].reported is not None and field.supplies["m1"].reported.waits)
        assert ("m1", on, True) not in field.records
        writes = meter.writes
        meter.press_button()
        await field.until(lambda: ("m1", on, True) in field.records)
        assert (meter.relay_closed, meter.writes) == (True, writes)
        assert field.supplies["m1"].outcome is Outcome.CONFIRMED


async def test_a_valve_is_waited_for_until_it_stands_still() -> None:
    """S4: a valve takes its time; it is written once, and confirmed when it has arrived."""
    async with running_field(units=1, profile="xintai_valve") as field:
        meter = field.sandbox.meter(1)
        meter.takes_s = 2.5
        generation = await field.want("m1", on=False)
        await field.until(lambda: ("m1", generation, False) in field.records, timeout_s=15)
        assert (meter.writes, meter.relay_closed) == (1, False)
        assert ("m1", generation, None) not in field.records


async def test_a_meter_without_a_relay_is_switched_by_a_board() -> None:
    """S4, S13: the board's relay is ordered and read back, and put back when somebody moves it."""
    board = SandboxBoard(load_board("waveshare_relay_8"), 40)
    async with running_field(units=2, profile="eastron_sdm120", board=board) as field:
        generation = await field.want("m2", on=False)
        await field.until(lambda: ("m2", generation, False) in field.records)
        assert not board.closed(2)
        assert board.closed(1)
        assert board.writes == 1


async def test_a_cut_that_the_device_only_repeats_is_proved_by_its_load() -> None:
    """S4: where the read-back is the order itself, a cut counts when energy stands still."""
    async with running_field(units=1, profile="acrel_ddsy1352") as field:
        await field.until(lambda: len(field.readings) >= 1)
        generation = await field.want("m1", on=False)
        meter = field.sandbox.meter(1)
        await meter.wait_relay(closed=False)
        assert not field.records
        await field.until(lambda: ("m1", generation, False) in field.records)
        assert meter.writes == 1


async def test_a_new_owner_reads_before_it_writes() -> None:
    """S5, S13: an owner died between its write and its record; the next one finds the relay where it should be."""
    async with running_field(units=1) as field:
        meter, stale = field.sandbox.meter(1), field.supplies["m1"]
        meter.flip(closed=False)
        ordered = replace(stale.wanted, on=False, generation=7)
        field.supplies["m1"] = replace(stale, wanted=ordered, outcome=Outcome.PENDING)
        await field.until(lambda: ("m1", 7, False) in field.records)
        assert meter.writes == 0


def test_the_shipped_models_say_what_their_read_back_is_worth() -> None:
    """S4: a model whose read-back repeats the order is known as such, or its cuts would be believed."""
    relay = load_profile("acrel_ddsy1352").relay
    assert relay is not None
    assert relay.read_back.proves == "order"


async def test_what_a_device_complains_of_comes_with_its_reading() -> None:
    """N1: a bit of its alarm word, over the wire, by the names of the profile; and it ends when the bit does."""
    async with running_field(units=1, profile="xintai_valve") as field:
        await field.until(lambda: len(field.readings) >= 1)
        field.sandbox.meter(1).alarms = {AlarmKind.BATTERY_LOW}
        await field.until(lambda: field.readings[-1].alarms == ("battery_low",), timeout_s=30)
        field.sandbox.meter(1).alarms = set()
        await field.until(lambda: field.readings[-1].alarms == (), timeout_s=30)
