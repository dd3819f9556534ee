"""Drills one profile: a device is simulated from it on a real socket, and all that it says is tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

from meters.links.link import Link
from meters.links.opening import opener
from meters.links.requests import Request, words
from meters.parts import AlarmKind, BandRegister
from meters.profile import Profile, Switch
from prepaid.domain.metering import Gateway
from prepaid.domain.tariffs.bands import Band
from sandbox.meters import SandboxGateway
from sandbox.meters_device import SandboxMeter
from sandbox.meters_wire import Framing

UNIT = 9
COUNTED = 123_450
SERIAL = "20261125"
FLOAT_STEP = Fraction(1, 1 << 22)
"""What a float32 may be off by, as a share."""


@asynccontextmanager
async def linked(profile: Profile, framing: Framing) -> AsyncIterator[tuple[Link, SandboxGateway, SandboxMeter]]:
    """A device of the model, still in time, and our link to its gateway."""
    sandbox = SandboxGateway(profile=profile, units=[UNIT], baud=0, framing=framing, monotonic=lambda: 0.0)
    await sandbox.start()
    link = await opener(gateway_of(sandbox), timeout_s=2)()
    try:
        yield link, sandbox, sandbox.meter(UNIT)
    finally:
        link.close()
        await asyncio.wait_for(link.closed.wait(), 2)
        await sandbox.stop()


def gateway_of(sandbox: SandboxGateway) -> Gateway:
    """Its record."""
    transport = "tcp" if sandbox.framing == "mbap" else "rtu_tcp"
    return Gateway(id="g", site_id="s", transport=transport, host="127.0.0.1", port=sandbox.port)


async def ask(link: Link, request: Request) -> bytes:
    """One transaction."""
    return await link.ask(UNIT, request, timeout_s=2)


async def poll(link: Link, profile: Profile) -> list[bytes]:
    """The replies of one poll."""
    return [await ask(link, read.request) for read in profile.reads]


async def drill(profile: Profile, framing: Framing) -> None:
    """Everything that the profile says, tried on a device."""
    async with linked(profile, framing) as (link, _, device):
        device.energy_wh, device.load_w, device.serial = COUNTED, 1_200, SERIAL
        for number, band in enumerate(device.bands, start=1):
            device.bands[band] = 10_000 * number
        await _reads(link, profile, device)
        await _commissions(link, profile)
        await _complains(link, profile, device)
        if profile.switch is not None:
            await _switches(link, profile.switch, device)


async def _reads(link: Link, profile: Profile, device: SandboxMeter) -> None:
    replies = await poll(link, profile)
    values = profile.understand(replies, UNIT)
    assert values == profile.values([words(reply) for reply in replies], UNIT)
    assert values.failed_checks == ()
    assert profile.first_look_fails(replies, UNIT) == ()
    slow = profile.slow_values([await ask(link, read.request) for read in profile.slow_reads])
    found, truth = {**values.measured, **slow}, device._figures()
    for register in profile.registers:
        assert near(found[register.measures], truth[register.measures], register), register
    for band, counter in profile.bands.items():
        assert near(values.bands[str(Band(band))], Fraction(device.bands[band]), counter), band
    assert values.billed == found[profile.billed]


def near(found: int, truth: Fraction, register: BandRegister) -> bool:
    """Whether a figure is the truth, within what the register can show."""
    step = register.scale if register.decode not in ("float32", "float64") else Fraction(1)
    return abs(found - truth) <= step + abs(truth) * FLOAT_STEP


async def _commissions(link: Link, profile: Profile) -> None:
    for setting in profile.commissioning:
        assert setting.passes(setting.value_in(await ask(link, setting.request))), setting.name
    if profile.identity is not None:
        said = profile.identity.serial_in(await ask(link, profile.identity.request))
        assert said is not None
        assert said.lstrip("0") == SERIAL


async def _complains(link: Link, profile: Profile, device: SandboxMeter) -> None:
    """Each alarm alone is heard, and no other with it."""
    assert profile.understand(await poll(link, profile), UNIT).alarms == ()
    for alarm in profile.alarms:
        device.alarms = {AlarmKind(alarm.alarm)}
        assert profile.understand(await poll(link, profile), UNIT).alarms == (alarm.alarm,)
    device.alarms = set()


async def _switches(link: Link, switch: Switch, device: SandboxMeter) -> None:
    """Off, on, and on by the person's button where there is one; a device that sticks is believed to have stuck."""
    back = switch.read_back
    for on in (False, True):
        await ask(link, switch.request(on=on))
        assert back.state_in(await ask(link, back.request)) is on
        assert device.relay_closed is on
    device.faults.stuck_relay = True
    await ask(link, switch.request(on=False))
    assert back.state_in(await ask(link, back.request)) is True
    device.faults.clear()
    if back.fault is not None:
        device.faults.switch_fault = True
        await ask(link, switch.request(on=False))
        reply = await ask(link, back.request)
        assert (back.faulty_in(reply), back.state_in(reply)) == (True, None)
        device.faults.clear()
