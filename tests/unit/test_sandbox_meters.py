"""Simulated meters: energy by the clock and the relay, bands, roll-over, swaps, valves, and every way to them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from meters.links.requests import words
from meters.links.rtu import with_crc
from meters.parts import AlarmKind, Measures
from meters.profile import Profile
from meters.profile_files import read
from meters.profiles import load_profile
from prepaid.domain.tariffs.bands import Band
from sandbox.meters import SandboxGateway, SandboxMeter
from sandbox.meters_dial_in import DialIn, SandboxDialIn
from sandbox.meters_http import SandboxControl
from sandbox.meters_load import FIVE_BANDS, HOME, in_bands, used_hours
from sandbox.meters_serial import SandboxSerial
from sandbox.meters_wire import NOISE
from tests.house import ROOT

HOUR_S = 3600.0
WITHIN_S = 5.0


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def device(name: str = "acrel_ddsy1352", **more: object) -> tuple[SandboxMeter, Seconds]:
    """A meter in a time of its own."""
    seconds = Seconds()
    return SandboxMeter(load_profile(name), 1, speed=1.0, monotonic=seconds, **more), seconds  # type: ignore[arg-type]


def values(meter: SandboxMeter) -> dict[Measures, int]:
    """What one poll of it says."""
    profile = meter.profile
    return dict(profile.understand([meter.answer(each.request.pdu) for each in profile.reads], meter.unit).measured)


def blueprint() -> Profile:
    """The example model, which has one of everything."""
    text = (ROOT / "meters" / "profiles" / "_blueprint.yaml").read_text(encoding="utf-8")
    profile = read(text, name="my_meter")
    assert isinstance(profile, Profile)
    return profile


def test_energy_advances_only_while_the_contact_is_closed() -> None:
    """S4: what is cut draws nothing, so a relay that lies is seen in the register."""
    meter, seconds = device()
    meter.load_w = 1_000
    seconds.now += HOUR_S
    assert round(meter.energy_wh) == 1_000
    meter.flip(closed=False)
    seconds.now += 5 * HOUR_S
    assert round(meter.energy_wh) == 1_000
    meter.flip(closed=True)
    seconds.now += HOUR_S / 2
    assert round(meter.energy_wh) == 1_500


def test_a_day_follows_its_curve_and_its_bands_add_up() -> None:
    """The meter's own band counters share out exactly what its total counts, hour by hour."""
    meter, seconds = device(curve=HOME)
    meter.load_w = 1_000
    seconds.now += 24 * HOUR_S
    assert round(meter.energy_wh) == round(1_000 * sum(HOME))
    assert sum(meter.bands.values()) == pytest.approx(meter.energy_wh)
    evening = sum(share for share, band in zip(HOME, FIVE_BANDS, strict=True) if band is Band.SHARP)
    assert meter.bands[Band.SHARP] == pytest.approx(1_000 * evening)


def test_many_days_are_the_sum_of_their_hours() -> None:
    """A long sleep of the simulation loses nothing and does not take long."""
    short = [used_hours(day * 86_400 + 900, (day + 1) * 86_400 + 900, HOME) for day in range(3)]
    assert [sum(day[hour] for day in short) for hour in range(24)] == pytest.approx(
        used_hours(900, 3 * 86_400 + 900, HOME)
    )
    assert in_bands([1.0] * 24, (Band.PEAK, Band.VALLEY)) == {Band.PEAK: 15.0, Band.VALLEY: 9.0}


def test_a_register_rolls_over_and_a_swapped_meter_has_another_number() -> None:
    """S11, F30: both are seen in what the device says, and neither is negative use."""
    profile = blueprint().model_copy(update={"register_wraps_wh": 1_000_000})
    meter = SandboxMeter(profile, 1, speed=1.0, monotonic=lambda: 0.0)
    meter.energy_wh = 1_000_400
    assert values(meter)[Measures.ENERGY_WH] == 400
    identity = profile.identity
    assert identity is not None
    assert identity.serial_in(meter.answer(identity.request.pdu)) == "10000001"
    meter.swap("77", energy_wh=50)
    assert identity.serial_in(meter.answer(identity.request.pdu)) == "77"
    assert values(meter)[Measures.ENERGY_WH] == 50


async def test_a_valve_takes_its_time_and_a_stuck_one_says_so() -> None:
    """S4: while it moves the state is neither; in the end it is read, or the fault is."""
    meter, _ = device("xintai_valve")
    valve = meter.profile.valve
    assert valve is not None
    meter.takes_s = 0.02
    back = valve.read_back
    meter.answer(valve.request(on=False).pdu)
    assert back.state_in(meter.answer(back.request.pdu)) is None
    assert not back.faulty_in(meter.answer(back.request.pdu))
    await meter.wait_relay(closed=False)
    assert back.state_in(meter.answer(back.request.pdu)) is False
    meter.faults.switch_fault = True
    meter.answer(valve.request(on=True).pdu)
    told = meter.profile.understand([meter.answer(each.request.pdu) for each in meter.profile.reads], 1)
    assert (told.relay_on, told.faulty, told.alarms) == (None, True, (AlarmKind.VALVE_FAULT,))


def test_a_meter_that_was_allowed_waits_for_the_button() -> None:
    """Restoring by permission: the relay stays open, says that it waits, and closes when the person presses."""
    text = (ROOT / "meters" / "profiles" / "_blueprint.yaml").read_text(encoding="utf-8")
    text = text.replace("closed: 1, open: 0}\n  read", "closed: 1, open: 0, allow: 2}\n  read").replace(
        "mask: 0x0001, closed: 1, open: 0}", "mask: 0x0003, closed: 1, open: 0, allowed: 2}"
    )
    profile = read(text.replace("restore: direct", "restore: allow"), name="my_meter")
    assert isinstance(profile, Profile)
    relay = profile.relay
    assert relay is not None
    meter = SandboxMeter(profile, 1, speed=1.0, monotonic=lambda: 0.0)
    meter.answer(relay.request(on=False).pdu)
    meter.answer(relay.request(on=True, restore=relay.restore).pdu)
    reply = meter.answer(relay.read_back.request.pdu)
    assert (relay.read_back.waits_in(reply), relay.read_back.state_in(reply), meter.relay_closed) == (True, None, False)
    meter.press_button()
    reply = meter.answer(relay.read_back.request.pdu)
    assert (relay.read_back.waits_in(reply), relay.read_back.state_in(reply), meter.relay_closed) == (False, True, True)


def test_a_setting_is_written_within_its_range_only() -> None:
    """What the profile does not allow, the device refuses: a value out of range, another address, another function."""
    profile = blueprint()
    parameter = profile.parameters[0]
    meter = SandboxMeter(profile, 1, speed=1.0, monotonic=lambda: 0.0)
    assert parameter.allows(5_000)
    assert not parameter.allows(50_000)
    assert not meter.answer(parameter.write(5_000).pdu)[0] & 0x80
    assert words(meter.answer(parameter.request.pdu)) == (50,)
    assert meter.answer(parameter.write(50_000).pdu) == bytes((0x90, 3))
    assert meter.answer(bytes.fromhex("10 00 00 00 01 02 00 00")) == bytes((0x90, 2))
    assert meter.answer(bytes.fromhex("06 00 00 00 01")) == bytes((0x86, 1))


@pytest.fixture
async def bus() -> AsyncIterator[SandboxGateway]:
    """One meter on an RTU bus that nobody reaches yet."""
    gateway = SandboxGateway(profile=load_profile("hiking_dds238_2_zn_sr"), units=[1], baud=0, framing="rtu")
    yield gateway
    await gateway.stop()


ASK = with_crc(bytes.fromhex("01 03 00 0C 00 01"))
VOLTS = with_crc(bytes.fromhex("01 03 02 08 FC"))


async def test_a_device_dials_in_says_who_it_is_and_beats(bus: SandboxGateway) -> None:
    """The connection is the device's; it registers, beats, answers, and dials again when dropped."""
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await came.put((reader, writer))

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialler = SandboxDialIn(bus, "127.0.0.1", port, DialIn(registration=b"DTU-1", heartbeat=b"HB"))
    dialler.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await came.get()
            assert await reader.readexactly(5) == b"DTU-1"
            dialler.beat()
            assert await reader.readexactly(2) == b"HB"
            writer.write(ASK)
            assert await reader.readexactly(len(VOLTS)) == VOLTS
            writer.close()
            again, second = await came.get()
            assert await again.readexactly(5) == b"DTU-1"
            second.close()
        assert dialler.dialled == 2
    finally:
        await dialler.stop()
        server.close()
        await server.wait_closed()


async def test_a_dtu_may_put_its_number_before_every_packet(bus: SandboxGateway) -> None:
    """The other habit of DTUs: registration as a prefix of all that it sends."""
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await came.put((reader, writer))

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialler = SandboxDialIn(bus, "127.0.0.1", port, DialIn(registration=b"#7", says="every_packet"))
    dialler.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await came.get()
            assert await reader.readexactly(2) == b"#7"
            writer.write(ASK)
            assert await reader.readexactly(2 + len(VOLTS)) == b"#7" + VOLTS
            writer.close()
    finally:
        await dialler.stop()
        server.close()
        await server.wait_closed()


async def test_a_serial_line_answers(bus: SandboxGateway) -> None:
    """The same bus on a pseudo-terminal, opened like any serial port."""
    line = SandboxSerial(bus)
    port = os.open(line.start(), os.O_RDWR | os.O_NOCTTY)
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    got = bytearray()

    def readable() -> None:
        got.extend(os.read(port, 64))
        if len(got) >= len(VOLTS):
            answered.set()

    loop.add_reader(port, readable)
    try:
        os.write(port, ASK)
        await asyncio.wait_for(answered.wait(), WITHIN_S)
        assert bytes(got) == VOLTS
    finally:
        loop.remove_reader(port)
        os.close(port)
        line.stop()


async def test_noise_comes_before_the_reply(bus: SandboxGateway) -> None:
    """F27: a fault that is set for one reply spoils one reply."""
    port = await bus.start()
    bus.meter(1).faults.noise, bus.meter(1).faults.times = True, 1
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(WITHIN_S):
            writer.write(ASK)
            assert await reader.readexactly(len(NOISE) + len(VOLTS)) == NOISE + VOLTS
            writer.write(ASK)
            assert await reader.readexactly(len(VOLTS)) == VOLTS
    finally:
        writer.close()


async def test_the_control_changes_meters_and_refuses_nonsense(bus: SandboxGateway) -> None:
    """Y3: loads, registers, faults and power by HTTP on loopback; what is unknown or out of range changes nothing."""
    await bus.start()
    control = SandboxControl(bus)
    url = f"http://127.0.0.1:{await control.start()}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_S)) as session:
            asked = {"load_w": 700, "energy_wh": 5_000, "closed": False, "faults": {"silent": True, "times": 2}}
            async with session.post(f"{url}/meters/1", json=asked) as answer:
                told = await answer.json()
            assert (told["load_w"], told["energy_wh"], told["closed"]) == (700, 5_000, False)
            assert bus.meter(1).faults.silent
            for body in ({"load_w": -1}, {"nonsense": 1}, {"faults": {"late_s": 1e9}}):
                async with session.post(f"{url}/meters/1", json=body) as answer:
                    assert answer.status == 400
            async with session.post(f"{url}/meters/9", json={}) as answer:
                assert answer.status == 404
            async with session.post(f"{url}/meters/1", data=b"x" * 20_000) as answer:
                assert answer.status == 413
            async with session.post(f"{url}/gateway", json={"powered": False, "connection_limit": 1}) as answer:
                assert (await answer.json())["connection_limit"] == 1
            with pytest.raises(OSError, match=r"refused|Connect"):
                await asyncio.open_connection("127.0.0.1", bus.port)
            async with session.get(f"{url}/meters") as answer:
                assert [meter["load_w"] for meter in (await answer.json())["meters"]] == [700]
    finally:
        await control.stop()
