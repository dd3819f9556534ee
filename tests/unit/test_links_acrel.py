"""Acrel's envelope: what a meter with its own modem says, what it is answered, and that only whole envelopes count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from pymodbus.framer.rtu import FramerRTU

from meters.links import acrel_4g, requests
from meters.links.acrel_4g import Envelope, cut, put
from meters.links.dial_in import DialIn, Listener
from meters.links.errors import NoReply
from tests.fakes.calling_unit import Unit, called, gateway, open_door
from tests.fakes.hostile_device import value

SERIAL = "20231100990001"
REGISTER_BODY = (
    SERIAL.encode().ljust(20, b"\0") + b"89860000000000000000".ljust(30, b"\0") + bytes((25, 1, 0, 2, 0, 3, 0, 5))
)
READ = requests.read(requests.READ_HOLDING, 0x40, 10)
TRUTH = tuple(value(1, at) for at in range(0x40, 0x4A))


@asynccontextmanager
async def registered() -> AsyncIterator[tuple[DialIn, Unit]]:
    """A meter that has said who it is and was answered."""
    listener = Listener(
        port=0,
        host="127.0.0.1",
        kind="acrel_4g",
        now=lambda: datetime(2026, 11, 29, 23, 4, 5),  # noqa: DTZ001
    )
    known = gateway(SERIAL, transport="acrel_4g")
    async with open_door(known, listeners=[listener]) as door, called(door) as unit:
        unit.say(put(acrel_4g.REGISTER, REGISTER_BODY))
        assert await unit.reader.readexactly(7) == put(acrel_4g.REGISTER)
        yield door, unit


def test_the_envelope_byte_for_byte() -> None:
    """`7B7B | command | body | CRC of command and body, low byte first | 7D7D`; pymodbus reckons the CRC."""
    body = bytes.fromhex("0103000000050DCA")[:-2]
    checksum = FramerRTU.compute_CRC(b"\x90" + body).to_bytes(2, "big")
    assert put(0x90, body) == b"\x7b\x7b\x90" + body + checksum + b"\x7d\x7d"


def test_envelopes_are_cut_out_of_any_stream() -> None:
    """F27: noise, single bytes, start marks that are none, marks within bodies, and wrong checksums."""
    tricky = put(0x91, b"\x7d\x7d\x7b\x7b\x7d\x7d")
    spoilt = put(0x90, b"spoilt")[:-3] + b"\0\x7d\x7d"
    stream = b"\xff\x7b\x7b" + put(0x94) + spoilt + tricky + b"\x7b" + put(0x90, b"last")
    buffer, heard = bytearray(), []
    for byte in stream:
        buffer.append(byte)
        heard += list(cut(buffer))
    assert heard == [Envelope(0x94, b""), Envelope(0x91, b"\x7d\x7d\x7b\x7b\x7d\x7d"), Envelope(0x90, b"last")]
    assert list(cut(bytearray(stream))) == heard


def test_noise_never_fills_the_memory() -> None:
    """Y3: a stream of start marks is dropped from the front."""
    buffer = bytearray()
    for _ in range(50):
        buffer += b"\x7b\x7b" * 100
        assert list(cut(buffer)) == []
        assert len(buffer) <= acrel_4g.LONGEST


async def test_a_meter_is_read_through_its_envelope() -> None:
    """Registered by serial number, asked by 0x90, and its heartbeats between are no replies."""
    async with registered() as (door, unit):
        link = await door.link(f"g-{SERIAL}", timeout_s=5)
        unit.serve_in_envelopes()
        unit.say(put(acrel_4g.HEARTBEAT))
        assert requests.words(await link.ask(1, READ, timeout_s=2)) == TRUTH


async def test_time_and_uploads_are_answered() -> None:
    """0x93 gets year, month, day, weekday (Sunday 0), hour, minute, second; 0x91 is acknowledged; 0x94 is not."""
    async with registered() as (_, unit):
        unit.say(put(acrel_4g.HEARTBEAT) + put(acrel_4g.TIME))
        assert await unit.reader.readexactly(14) == put(acrel_4g.TIME, bytes((26, 11, 29, 0, 23, 4, 5)))
        unit.say(put(acrel_4g.UPLOAD, SERIAL.encode() + b"[[\x01((\x01\x03\x60" + bytes(98) + b"))]]"))
        assert await unit.reader.readexactly(7) == put(acrel_4g.UPLOAD)


async def test_an_upload_confirms_nothing() -> None:
    """S4, S11: what a meter sends by itself is no reply, though the same frame stands in it."""
    async with registered() as (door, unit):
        link = await door.link(f"g-{SERIAL}", timeout_s=5)
        frame = bytes((1,)) + READ.reply_head + bytes(20)
        frame += FramerRTU.compute_CRC(frame).to_bytes(2, "big")
        unit.on_request(lambda: [put(acrel_4g.UPLOAD, frame), frame])
        with pytest.raises(NoReply):
            await link.ask(1, READ, timeout_s=0.2)


async def test_who_does_not_register_is_sent_away() -> None:
    """Heartbeats and uploads before a registration get no answer; a stranger's serial number ends the call."""
    listener = Listener(port=0, host="127.0.0.1", kind="acrel_4g")
    async with open_door(gateway(SERIAL, transport="acrel_4g"), listeners=[listener]) as door, called(door) as unit:
        unit.say(put(acrel_4g.UPLOAD) + put(acrel_4g.TIME) + put(acrel_4g.REGISTER, b"stranger".ljust(58, b"\0")))
        assert await unit.reader.read(1) == b""
