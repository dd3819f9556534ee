"""A real owner against a simulated gateway: relays follow what is wanted, whatever the wire does."""

from __future__ import annotations

from typing import get_args

import pytest

from sandbox.meters_wire import Framing
from tests.fakes.field import running_field

FRAMINGS = get_args(Framing)


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_wanted_cut_is_written_read_back_and_recorded(framing: Framing) -> None:
    """S4: the relay moves once, and what is recorded is what the relay said."""
    async with running_field(framing=framing) as field:
        generation = await field.want("m2", on=False)
        await field.until(lambda: bool(field.records))
        meter = field.sandbox.meter(2)
        assert not meter.relay_closed
        assert (meter.operations, meter.writes) == (1, 1)
        assert field.records == [("m2", generation, False)]


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_late_echo_is_never_answered_with_a_second_write(framing: Framing) -> None:
    """S5: the echo of a write comes too late; the relay is read before anything is written again."""
    async with running_field(framing=framing) as field:
        await field.until(lambda: len(field.readings) >= 3)
        meter = field.sandbox.meter(1)
        meter.faults.late_s, meter.faults.times = 0.5, 1
        generation = await field.want("m1", on=False)
        await field.until(lambda: ("m1", generation, False) in field.records)
        assert meter.writes == 1


async def test_a_gateway_that_keeps_silent_about_a_write_leaves_it_unknown() -> None:
    """S4: exception 0x0B after a write says nothing about the relay, so it is read and not written again."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        meter = field.sandbox.meter(1)
        field.sandbox.faults.timeout_s = 0.1
        generation = await field.want("m1", on=False)
        await meter.wait_relay(closed=False)
        await field.until(lambda: ("m1", generation, False) in field.records)
        meter.faults.no_path, meter.faults.times = True, 1
        generation = await field.want("m1", on=True)
        await field.until(lambda: ("m1", generation, True) in field.records)
        assert meter.relay_closed


async def test_a_stuck_relay_is_unconfirmed_and_never_believed() -> None:
    """S4: the echo is right and the contact has not moved; nobody hears that the power is off."""
    async with running_field() as field:
        meter = field.sandbox.meter(1)
        meter.faults.stuck_relay = True
        generation = await field.want("m1", on=False)
        await field.until(lambda: field.records == [("m1", generation, True)])
        meter.faults.clear()
        await field.until(lambda: ("m1", generation, False) in field.records)


async def test_a_relay_moved_by_hand_is_put_back() -> None:
    """S13: what is wanted is compared with what is seen, not with what was once commanded."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        meter = field.sandbox.meter(3)
        meter.flip(closed=False)
        await meter.wait_relay(closed=True)
        await field.until(lambda: ("m3", 0, True) in field.records)


async def test_the_newest_wanted_state_wins() -> None:
    """S6: a cut and, before it is done, a payment: in the end the power is on."""
    async with running_field(baud=9600) as field:
        await field.want("m1", on=False)
        generation = await field.want("m1", on=True)
        await field.until(lambda: ("m1", generation, True) in field.records)
        assert field.sandbox.meter(1).relay_closed


async def test_what_may_not_be_switched_is_not_written() -> None:
    """S2: the last look forbids it, and no frame leaves."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        field.forbidden = True
        await field.want("m1", on=False)
        await field.until(lambda: field.looks >= 2)
        assert field.sandbox.meter(1).writes == 0
        assert field.sandbox.meter(1).relay_closed


async def test_while_the_store_is_in_doubt_nothing_is_cut_and_no_reading_is_lost() -> None:
    """S7: the store goes away: no write leaves, readings are kept and settled when it is back."""
    async with running_field(poll_every_s=1) as field:
        await field.until(lambda: len(field.readings) >= 3)
        await field.want("m1", on=False)
        field.store_away = True
        await field.until(lambda: field.looks >= 1)
        assert field.sandbox.meter(1).writes == 0
        field.store_away = False
        await field.until(lambda: ("m1", 1, False) in field.records)


async def test_a_lost_lease_stops_every_frame() -> None:
    """S5: an owner whose lease is in doubt sends nothing, neither reads nor writes."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        field.may_send = False
        await field.want("m1", on=False)
        asked = field.sandbox.counts.transactions
        with pytest.raises(TimeoutError):
            await field.sandbox.meter(1).wait_relay(closed=False, timeout_s=1.5)
        assert field.sandbox.counts.transactions <= asked + 1


async def test_a_gateway_that_goes_away_in_the_middle_of_a_cut_is_put_right() -> None:
    """S13: the gateway loses power as the relay moves; it is told once, and afterwards the state is as wanted."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        meter = field.sandbox.meter(1)
        meter.faults.late_s = 5.0
        generation = await field.want("m1", on=False)
        await meter.wait_relay(closed=False)
        await field.sandbox.go_down()
        await field.until(lambda: field.links == ["lost"])
        meter.faults.clear()
        await field.sandbox.come_back()
        await field.until(lambda: ("m1", generation, False) in field.records)
        await field.until(lambda: field.links == ["lost", "found"])
        assert meter.writes == 1
