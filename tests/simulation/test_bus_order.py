"""Who goes first on a bus: commands before polls, the living before the dead, and nobody after his time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from meters.links.errors import NotSent
from meters.profiles import load_profile
from sandbox.meters import transaction_s
from sandbox.meters_wire import Framing
from tests.fakes.field import PROFILE, QUICK, running_field

POLL_S = transaction_s(5, 56, 9600, 0.03)
SWITCH_S = transaction_s(8, 5, 9600, 0.03) + transaction_s(5, 4, 9600, 0.03)
REAL = replace(QUICK, reply_timeout_s=1.5, retry_s=1.0, backoff_first_s=2.0)


@pytest.mark.parametrize("framing", get_args(Framing))
async def test_a_command_jumps_the_queue_at_the_pace_of_a_real_bus(framing: Framing) -> None:
    """S1: three meters are read without pause at 9600 baud; a switch waits for the one in flight and no more."""
    async with running_field(framing=framing, baud=9600, poll_every_s=0, settings=REAL) as field:
        await field.until(lambda: len(field.readings) >= 6)
        relay = load_profile(PROFILE).relay
        assert relay is not None
        took = []
        for number in range(6):
            wanted_at = time.perf_counter()
            generation = await field.want("m2", on=bool(number % 2))
            await field.until(lambda g=generation: any(record[1] == g for record in field.records))  # type: ignore[misc]
            took.append(time.perf_counter() - wanted_at)
        assert field.sandbox.meter(2).operations == 6
        # What is left of one poll, the switch, the settling time; the rest is room for a busy machine.
        assert sorted(took)[3] < POLL_S + SWITCH_S + relay.settle_ms / 1000 + 0.1


async def test_an_expired_command_is_never_written() -> None:
    """S5: what was not sent in its time is dropped; it is derived anew or not at all."""
    async with running_field(baud=9600, poll_every_s=0, settings=REAL) as field:
        await field.until(lambda: len(field.readings) >= 3)
        field.ttl_s = -1
        await field.want("m1", on=False)
        await field.until(lambda: len(field.readings) >= 12)
        assert field.sandbox.meter(1).writes == 0
        assert field.looks == 0


async def test_a_command_that_expires_while_the_facts_are_looked_at_is_not_written() -> None:
    """S5: the store answers slowly; the time is checked again right before the frame leaves."""
    async with running_field() as field:
        await field.until(lambda: len(field.readings) >= 3)
        owner = field.owner()
        bus = asyncio.create_task(owner.bus.run())
        relay = load_profile(PROFILE).relay
        assert relay is not None
        loop = asyncio.get_running_loop()
        expires_at = loop.time() + 0.05

        async def slow_look() -> bool:
            late = asyncio.Event()
            loop.call_at(expires_at + 0.02, late.set)
            return await late.wait()

        await asyncio.wait_for(owner._near.wait(), 5)
        with pytest.raises(NotSent):
            await owner.bus.switch(
                1,
                relay.request(on=False),
                relay.read_back.request,
                settle_s=0,
                expires_at=expires_at,
                last_look=slow_look,
            )
        assert field.sandbox.meter(1).writes == 0
        assert owner.bus.counts.expired == 1
        bus.cancel()
        await asyncio.gather(bus, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("framing", get_args(Framing))
async def test_dead_meters_do_not_starve_the_living(framing: Framing) -> None:
    """F31: two of four meters are silent; the others are read at nine tenths of the pace of the bus or more."""
    settings = replace(
        REAL,
        reply_timeout_s=0.4,
        shortest_timeout_s=0.3 if framing == "rtu" else None,
        backoff_first_s=0.5,
        busy_probe_share=0.1,
    )
    async with running_field(units=4, framing=framing, baud=9600, poll_every_s=0, settings=settings) as field:
        field.sandbox.faults.timeout_s = 0.3
        for unit in (2, 4):
            field.sandbox.meter(unit).faults.silent = True
        gone = {"m2", "m4"}
        await field.until(lambda: gone <= {name for sweep in field.sweeps for name in sweep.silent})
        before, since = len(field.readings), time.perf_counter()
        await field.until(lambda: len(field.readings) >= before + 20)
        assert time.perf_counter() - since < 20 * POLL_S * 2
        read = {reading.meter_id for reading in field.readings[-6:]}
        assert read == {"m1", "m3"}
        field.sandbox.meter(2).faults.clear()
        await field.until(lambda: any(reading.meter_id == "m2" for reading in field.readings[-4:]), timeout_s=15)


async def test_a_meter_that_is_another_one_is_neither_billed_nor_switched() -> None:
    """S11: the device says another address of its own: its figures are not used and its relay is left alone."""
    async with running_field(units=2) as field:
        await field.until(lambda: len(field.readings) >= 2)
        settled = len([reading for reading in field.readings if reading.meter_id == "m1"])
        field.sandbox.meter(1).unit = 77
        await field.until(lambda: any("m1" in sweep.silent for sweep in field.sweeps))
        await field.want("m1", on=False)
        await field.until(lambda: field.readings[-1].meter_id == "m2" and len(field.sweeps) > 5)
        assert len([reading for reading in field.readings if reading.meter_id == "m1"]) <= settled + 1
        assert field.sandbox.meter(1).writes == 0


async def test_an_account_near_zero_is_read_more_often_and_first() -> None:
    """S3: one flat of three is nearly used up: it is read again and again while the others wait for their minute."""
    async with running_field(poll_every_s=60) as field:
        field.near_zero = {"m2": 1}
        await field.wakeups.wake("")
        await field.until(lambda: sum(reading.meter_id == "m2" for reading in field.readings) >= 4)
        counts = Counter(reading.meter_id for reading in field.readings)
        assert counts["m1"] == counts["m3"] == 1


async def test_accounts_near_zero_never_take_more_than_half_of_the_bus() -> None:
    """S3, F31: two of three meters want to be read without end at the pace of a real bus; the third keeps its share."""
    async with running_field(baud=9600, poll_every_s=0, settings=REAL) as field:
        field.near_zero = {"m1": 0, "m2": 0}
        await field.wakeups.wake("")
        await field.until(lambda: len(field.readings) >= 24, timeout_s=20)
        counts = Counter(reading.meter_id for reading in field.readings[6:])
        assert counts["m3"] >= 5


async def test_another_device_is_neither_billed_as_the_old_one_nor_switched() -> None:
    """S11: the serial number is read once after each connection; where it is not the bound one no command leaves."""
    async with running_field(units=2, profile="acrel_ddsy1352") as field:
        right, wrong = field.sandbox.meter(1), field.sandbox.meter(2)
        await field.until(lambda: {reading.meter_id for reading in field.readings} == {"m1", "m2"})
        told = next(reading.serial for reading in field.readings if reading.meter_id == "m1")
        assert told is not None
        field.meters["m1"] = replace(field.meters["m1"], serial=told)
        field.meters["m2"] = replace(field.meters["m2"], serial="777")
        await field.want("m1", on=False)
        await field.want("m2", on=False)
        await right.wait_relay(closed=False)
        before = len(field.readings)
        await field.until(lambda: len(field.readings) >= before + 4)
        assert (right.writes, wrong.writes) == (1, 0)
