"""What people ask of a bus between polls: the owner answers over real TCP, only reads, and nobody else waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from meters.profiles import load_profile
from prepaid.domain.errors import Refused
from prepaid.domain.field_requests import FieldKind
from sandbox.meters import SandboxMeter
from tests.fakes.field import PROFILE, QUICK, running_field

ACREL = "acrel_ddsy1352"
CT_RATIO = 0x0038


async def test_a_scan_names_who_answers_and_never_writes() -> None:
    """S11: a known model, one of another maker, a stranger and nobody; relays and settings stay as they are."""
    async with running_field(units=2, profile=ACREL) as field:
        field.sandbox.faults.timeout_s = 0.05
        other = SandboxMeter(load_profile(PROFILE), 4, speed=1.0)
        stranger = SandboxMeter(load_profile(PROFILE), 5, speed=1.0)
        stranger.faults.exception_code = 2
        for device in (other, stranger):
            field.sandbox.add(device)
        await field.until(lambda: len(field.readings) >= 1)
        answer = await field.errand(FieldKind.SCAN, ACREL, PROFILE, units=(1, 6))
        assert answer.trouble is None
        assert answer.through == 6
        assert [(seen.unit, seen.profile) for seen in answer.seen] == [(1, ACREL), (2, ACREL), (4, PROFILE), (5, "")]
        assert [int(seen.serial or 0) for seen in answer.seen] == [10_000_001, 10_000_002, 0, 0]
        assert all(pdu[0] in {1, 3, 4} for _, pdu in field.sandbox.counts.asked)
        assert {(meter.writes, len(meter.settings)) for meter in field.sandbox.meters} == {(0, 0)}


async def test_a_scan_of_a_full_bus_takes_its_share_and_no_more() -> None:
    """F31: the bus is read without pause and dead addresses cost a fifth of a second; between two come many polls."""
    settings = replace(QUICK, reply_timeout_s=1.5)
    async with running_field(units=2, baud=9600, poll_every_s=0, settings=settings) as field:
        field.sandbox.faults.timeout_s = 0.2
        await field.until(lambda: len(field.readings) >= 2)
        answer = await field.errand(FieldKind.SCAN, units=(8, 9))
        assert (answer.seen, answer.through) == ((), 9)
        units = [unit for unit, _ in field.sandbox.counts.asked]
        assert units.count(8) == 1
        assert units.index(9) - units.index(8) > 5


async def test_a_scan_whose_time_ends_says_how_far_it_came() -> None:
    """Y3: what it found by then is told, and nobody who wants one meter waits behind it."""
    async with running_field(units=1) as field:
        field.sandbox.faults.timeout_s = 0.2
        await field.until(lambda: len(field.readings) >= 1)
        scan = asyncio.create_task(field.errand(FieldKind.SCAN, units=(1, 32), within_s=4.0))
        await field.until(lambda: any(unit == 3 for unit, _ in field.sandbox.counts.asked), timeout_s=30)
        read = await field.errand(FieldKind.READ, units=(1, 1))
        assert read.trouble is None
        assert not scan.done()
        answer = await scan
        assert [seen.unit for seen in answer.seen] == [1]
        assert 2 <= answer.through < 32


async def test_a_read_tells_all_figures_and_the_relay() -> None:
    """S4: also of a model whose poll does not say where its relay stands; a dead meter and a model unknown are told."""
    async with running_field(units=1, profile=ACREL) as field:
        field.sandbox.faults.timeout_s = 0.05
        meter = field.sandbox.meter(1)
        meter.energy_wh = 123_450
        await field.until(lambda: len(field.readings) >= 1)
        seen = (await field.errand(FieldKind.READ, ACREL, units=(1, 1))).seen[0]
        assert seen.figures["energy_wh"] // 10 == 12_345
        assert (seen.relay_on, seen.switches, seen.failed) == (True, True, ())
        assert seen.serial is not None
        silent = await field.errand(FieldKind.READ, ACREL, units=(9, 9))
        assert isinstance(silent.trouble, Refused)
        assert silent.trouble.key == "refused.meter_exception"
        unknown = await field.errand(FieldKind.READ, "no_such_model", units=(1, 1))
        assert isinstance(unknown.trouble, Refused)


@pytest.mark.parametrize("wrong", ["", "ct_ratio", "energy_fell", "serial"])
async def test_commissioning_runs_the_checks_of_the_model(wrong: str) -> None:
    """S10, S11: a setting on which bills hang, energy that falls, a number that changes between two looks."""
    async with running_field(units=1, profile=ACREL, poll_every_s=60) as field:
        meter = field.sandbox.meter(1)
        meter.energy_wh = 5_000
        await field.until(lambda: len(field.readings) >= 1)
        if wrong == "ct_ratio":
            meter.settings[CT_RATIO] = 5
        elif wrong:
            setting = load_profile(ACREL).commissioning[0].request.pdu
            field.sandbox.counts.asked.clear()
            _when_asked(meter, setting, fall=wrong == "energy_fell")
        answer = await field.errand(FieldKind.COMMISSION, ACREL, units=(1, 1))
        assert answer.trouble is None
        assert answer.seen[0].failed == ((wrong,) if wrong else ())
        assert meter.writes == 0


def _when_asked(meter: SandboxMeter, pdu: bytes, *, fall: bool) -> None:
    """After it answered this request it is another device, or its register fell."""
    usual = meter.answer

    def answer(asked: bytes) -> bytes:
        reply = usual(asked)
        if asked == pdu:
            meter.swap(meter.serial if fall else "777", energy_wh=0 if fall else 6_000)
        return reply

    meter.answer = answer  # type: ignore[method-assign,assignment]
