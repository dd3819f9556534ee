"""RTU on a serial port: the silence between frames, the lock on the port, and a port that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from meters.links import requests
from meters.links.errors import LinkDown, WriteUnanswered
from meters.links.opening import Ways
from meters.links.serial_port import SerialLink, silence_s
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway, LinkOptions
from tests.fakes.hostile_device import value
from tests.fakes.wires import SerialWire

READ = requests.read(requests.READ_HOLDING, 0x40, 10)
TRUTH = tuple(value(3, at) for at in range(0x40, 0x4A))
OFF = requests.write(requests.WRITE_REGISTERS, 0x1A, [0])


@pytest.fixture
async def wire() -> AsyncIterator[SerialWire]:
    """A pair of pseudo terminals."""
    wire = SerialWire()
    await wire.start()
    yield wire
    await wire.stop()


async def test_a_reading_over_a_serial_port(wire: SerialWire) -> None:
    """The same link as everywhere, on pymodbus's serial transport."""
    link = await wire.link()
    assert requests.words(await link.ask(3, READ, timeout_s=2)) == TRUTH
    link.close()


async def test_a_port_belongs_to_one_program(wire: SerialWire) -> None:
    """Two masters on one wire would spoil each other's frames: the second cannot have the port until it is free."""
    first = await wire.link()
    with pytest.raises(LinkDown):
        await wire.link()
    first.close()
    assert first.closed.is_set()
    second = await wire.link()
    assert requests.words(await second.ask(3, READ, timeout_s=2)) == TRUTH
    second.close()


async def test_the_line_is_silent_between_frames(wire: SerialWire) -> None:
    """A frame ends with 3.5 characters of silence (serial line V1.02): at 2400 baud that is 15 ms, and it is kept."""
    wire.gateway = replace(wire.gateway, baud=2400)
    link = await wire.link()
    assert isinstance(link, SerialLink)
    loop, silence = asyncio.get_running_loop(), silence_s(2400, "8N1")
    gaps: list[float] = []
    for _ in range(4):
        heard_at = link._heard_at
        await link.ask(3, READ, timeout_s=2, gate=lambda: gaps.append(loop.time()))
        gaps[-1] -= heard_at
    assert min(gaps[1:]) >= silence - 0.001 > 0.013
    link.close()


@pytest.mark.parametrize(
    ("baud", "form", "gap_ms"),
    [(9600, "8N1", 3.646), (19_200, "8N1", 1.823), (38_400, "8N1", 1.75), (9600, "8N2", 4.01)],
)
def test_how_long_the_silence_is(baud: int, form: str, gap_ms: float) -> None:
    """3.5 characters up to 19,200 baud, and 1.75 ms above it."""
    assert silence_s(baud, form) * 1000 == pytest.approx(gap_ms, abs=0.01)


async def test_an_unplugged_port_ends_the_wait_at_once(wire: SerialWire) -> None:
    """F31: an adapter that is pulled out is a lost connection; the write under way stays unknown."""
    link = await wire.link()
    wire.device.fault = "F24 silence"
    asked = asyncio.create_task(link.ask(3, OFF, timeout_s=60))
    await asyncio.sleep(0)
    wire.unplug()
    with pytest.raises(WriteUnanswered):
        await asyncio.wait_for(asked, 5)
    assert link.closed.is_set()
    with pytest.raises(LinkDown):
        await link.ask(3, READ, timeout_s=60)
    link.close()


@pytest.mark.parametrize("options", [LinkOptions(), LinkOptions(device="/dev/null", form="9X1")])
def test_a_port_that_cannot_be_meant_is_refused(options: LinkOptions) -> None:
    """Before anything is opened."""
    with pytest.raises(Refused):
        Ways().check(Gateway(id="g", site_id="s", transport="serial", options=options))


async def test_what_is_no_serial_port_is_a_gateway_that_is_away() -> None:
    """A missing adapter may be plugged in later."""
    for device in ("/dev/null", "/dev/chatwatt-no-such-port"):
        gateway = Gateway(id="g", site_id="s", transport="serial", options=LinkOptions(device=device))
        with pytest.raises(LinkDown):
            await Ways().opener(gateway, timeout_s=2)()
