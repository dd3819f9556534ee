"""Every profile there is, exercised on a simulated device that is built from it: read, commissioned, switched.

A file in the folder of profiles is found by itself; so is one in the operator's own folder.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from meters.links.opening import opener
from meters.links.requests import words
from meters.links.rtu import with_crc
from meters.parts import Measures
from meters.profile_files import look
from meters.profiles import (
    board_names,
    load_board,
    load_profile,
    look_also_in,
    parse_profile,
    profile_names,
    profile_text,
    template_names,
    wrong_names,
)
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway
from sandbox.meters import SandboxBoard, SandboxGateway
from sandbox.meters_wire import Framing
from tests.fakes.device_drill import UNIT, ask, drill, gateway_of, linked
from tests.fakes.field import running_field
from tests.house import ROOT

FRAMINGS = get_args(Framing)
NAMED = {
    *("eastron_sdm120", "eastron_sdm230", "eastron_sdm630", "chint_ddsu666", "chint_dtsu666", "hiking_dds238_2_zn_sr"),
    *("acrel_ddsy1352", "acrel_dtsy1352", "sfere_prepaid", "xintai_valve", "inepro_pro1", "inepro_pro380"),
    "orno_we504",
}
BLUEPRINT = (ROOT / "meters" / "profiles" / "_blueprint.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", profile_names())
async def test_every_profile_reads_and_switches_a_device(name: str, framing: Framing) -> None:
    """S4, S11: a model reads right figures, passes its own checks, switches, and says so when read back."""
    await drill(load_profile(name), framing)


def test_every_named_model_is_there_and_every_file_is_sound() -> None:
    """Each model that is promised has a file; no file is wrong."""
    assert set(profile_names()) >= NAMED
    assert set(template_names()) == {"compere_kpm31", "compere_kpm33"}
    assert board_names() == ("waveshare_relay_8",)
    assert wrong_names() == ()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", board_names())
async def test_every_relay_board_cuts_the_meter_behind_it(name: str, framing: Framing) -> None:
    """S4: a meter without a relay is cut by its channel of a board on the same bus, and no other channel moves."""
    board = load_board(name)
    sandbox = SandboxGateway(profile=load_profile("orno_we504"), units=[1], baud=0, framing=framing)
    device = SandboxBoard(board, UNIT)
    sandbox.add(device)
    device.wire(3, sandbox.meter(1))
    await sandbox.start()
    link = await opener(gateway_of(sandbox), timeout_s=2)()
    relay, other = board.channel(3), board.channel(4)
    assert relay is not None
    assert other is not None
    assert board.channel(board.channels.count + 1) is None
    try:
        for on in (False, True):
            await ask(link, relay.request(on=on))
            assert relay.read_back.state_in(await ask(link, relay.read_back.request)) is on
            assert other.read_back.state_in(await ask(link, other.read_back.request)) is True
            assert sandbox.meter(1).relay_closed is on
    finally:
        link.close()
        await asyncio.wait_for(link.closed.wait(), 2)
        await sandbox.stop()


@pytest.mark.parametrize("name", template_names())
def test_a_template_neither_bills_nor_switches(name: str) -> None:
    """S10: a model whose registers nobody has filled in is refused; each empty field is named by its line."""
    with pytest.raises(Refused) as told:
        load_profile(name)
    assert told.value.key == "refused.profile_template"
    looked = look(profile_text(name), name=name)
    assert looked.template
    assert looked.device is None
    lines = profile_text(name).splitlines()
    assert len(looked.mistakes) > 100
    assert all(mistake.code == "empty" and lines[mistake.line - 1] for mistake in looked.mistakes)


def filled(name: str) -> dict[str, Any]:
    """A template as an operator with a manual would leave it; every field that is needed is there to fill."""
    data: dict[str, Any] = yaml.safe_load(profile_text(name))
    del data["template"], data["variant"], data["register_wraps_wh"], data["ratios"]
    data |= {"sources": ["a manual that does not exist"], "phases": 1, "max_registers": 40, "turnaround_ms": 30}
    data |= {"serial": {"baud": 9600, "format": "8N1", "unit": 1}, "even_addresses": False, "gaps_readable": False}
    for number, read in enumerate(data["reads"]):
        read |= {"function": 3, "address": 0x100 * number, "count": 30 - number}
    for number, register in enumerate(data["registers"]):
        register |= {"address": 2 * number, "decode": "u32", "order": "ABCD", "scale": 10}
    for number, band in enumerate(data["bands"].values()):
        band |= {"address": 0x100 + 2 * number, "decode": "u32", "order": "ABCD", "scale": 10}
    data["identity"] |= {"function": 3, "address": 0x300, "count": 4, "decode": "bcd"}
    data["relay"]["write"] |= {"function": 16, "address": 0x200, "closed": 1, "open": 0}
    back = {"function": 3, "address": 0x200, "closed": 1, "open": 0, "mask": 1, "proves": "state"}
    data["relay"]["read_back"] |= back
    data["relay"] |= {"settle_ms": 50, "settled_within_ms": 100, "restore": "direct"}
    for number, alarm in enumerate(data["alarms"]):
        alarm |= {"address": 0x201, "mask": 1 << number}
    data["clock"] |= {"function": 3, "address": 0x400, "each": "word", "decode": "binary", "write_function": 16}
    data["parameters"][0] |= {"function": 3, "address": 0x410, "decode": "u16", "scale": 1, "between": [1, 9999]}
    data["parameters"][0]["write_function"] = 16
    data["forbidden_writes"] = [0]
    why = {"function": 3, "address": 0x420, "decode": "u16", "equals": 1, "why": "the manual says so"}
    data["commissioning"][0] |= why
    return data


@pytest.mark.parametrize("name", template_names())
async def test_a_template_that_is_filled_in_works(name: str) -> None:
    """Every field of a meter is there to be filled in; then it reads, switches and is read back like any other."""
    await drill(parse_profile(yaml.safe_dump(filled(name)), name=name), "rtu")


@pytest.mark.parametrize("name", template_names())
def test_a_template_with_one_empty_field_is_still_refused(name: str) -> None:
    """S10: taking out the word `template` does not make an empty field full; the field is named."""
    data = filled(name)
    data["relay"]["read_back"]["address"] = None
    looked = look(yaml.safe_dump(data), name=name)
    assert [(mistake.place, mistake.code) for mistake in looked.mistakes] == [("relay.read_back.address", "empty")]


async def test_a_new_model_is_one_file(tmp_path: Path) -> None:
    """One YAML in the operator's own folder, and the model is read, billed by and switched."""
    (tmp_path / "my_meter.yaml").write_text(BLUEPRINT, encoding="utf-8")
    look_also_in(tmp_path)
    try:
        assert "my_meter" in profile_names()
        await drill(load_profile("my_meter"), "mbap")
        async with running_field(profile="my_meter") as field:
            await field.until(lambda: len(field.readings) >= 3)
            generation = await field.want("m1", on=False)
            await field.until(lambda: ("m1", generation, False) in field.records)
            assert not field.sandbox.meter(1).relay_closed
            assert field.readings[0].bands is not None
            assert set(field.readings[0].bands) == {"peak", "valley"}
    finally:
        look_also_in(None)
    assert "my_meter" not in profile_names()


def test_a_file_of_ones_own_never_replaces_a_shipped_one(tmp_path: Path) -> None:
    """S11: two maps under one name are no map: nothing is read by either until one is renamed."""
    (tmp_path / "orno_we504.yaml").write_text(profile_text("orno_we504"), encoding="utf-8")
    look_also_in(tmp_path)
    try:
        with pytest.raises(Refused) as told:
            load_profile("orno_we504")
        assert told.value.key == "refused.profile_twice"
        assert wrong_names() == ("orno_we504",)
    finally:
        look_also_in(None)
    assert load_profile("orno_we504").name == "orno_we504"


# Frames as they are printed by makers and by those who tried them; with their source, copied here as data.
FRAMES = [
    ("hiking_dds238_2_zn_sr", False, "01 10 00 1A 00 01 02 00 00", "fawno/Modbus, DDS238-2 ZN-S Modbus.md"),
    ("hiking_dds238_2_zn_sr", True, "01 10 00 1A 00 01 02 00 01", "fawno/Modbus, DDS238-2 ZN-S Modbus.md"),
    ("hiking_dds238_2_zn_sr", None, "01 03 00 1A 00 01", "fawno/Modbus, DDS238-2 ZN-S Modbus.md"),
    ("acrel_ddsy1352", False, "01 10 00 57 00 02 04 00 01 00 01", "ems4j, AcrelCutOffTranslator"),
    ("acrel_ddsy1352", True, "01 10 00 57 00 02 04 00 01 00 00", "ems4j, AcrelRecoverTranslator"),
    ("acrel_dtsy1352", False, "01 10 00 57 00 02 04 00 01 00 01", "ems4j, AcrelCutOffTranslator"),
    ("acrel_dtsy1352", True, "01 10 00 57 00 02 04 00 01 00 00", "ems4j, AcrelRecoverTranslator"),
]


@pytest.mark.parametrize(("name", "on", "published", "source"), FRAMES)
async def test_the_published_frames_leave_byte_for_byte(
    name: str, on: bool | None, published: str, source: str
) -> None:
    """S4: what leaves our link for a switch or a read-back is what the maker's frame says, CRC included."""
    switch = load_profile(name).switch
    assert switch is not None, source
    request = switch.read_back.request if on is None else switch.request(on=on)
    frame = bytes.fromhex(published)
    assert with_crc(b"\x01" + request.pdu) == with_crc(frame)
    async with linked(load_profile(name), "rtu") as (link, sandbox, _):
        await ask(link, request)
        assert sandbox.counts.asked == [(UNIT, frame[1:])]


def test_the_published_reply_of_the_sdm120_is_understood() -> None:
    """The maker's document, v2.5: 01 04 04 43 66 33 34 is 230.2 V; request and reply have the printed CRCs."""
    profile = load_profile("eastron_sdm120")
    asked, answered = bytes.fromhex("01 04 00 00 00 02 71 CB"), bytes.fromhex("01 04 04 43 66 33 34 1B 38")
    assert with_crc(asked[:-2]) == asked
    assert with_crc(answered[:-2]) == answered
    voltage = next(register for register in profile.registers if register.measures is Measures.VOLTAGE_MV)
    assert profile.reads[0].function == asked[1]
    assert voltage.address == int.from_bytes(asked[2:4], "big")
    assert voltage.value(words(answered[1:-2])) == 230_200


def test_a_meter_that_follows_its_own_mind_has_no_known_state() -> None:
    """S4: Acrel's hand-back (00 00 00 00) says nothing of the contact, so neither do we."""
    relay = load_profile("acrel_ddsy1352").relay
    assert relay is not None
    assert relay.read_back.state([0, 0]) is None
    assert relay.read_back.state([0, 1]) is None


def test_a_relay_that_cannot_be_read_back_is_never_used() -> None:
    """S4: Sfere's control register is published and its read-back is not: the model has no switch."""
    profile = load_profile("sfere_prepaid")
    assert profile.blind_relay is not None
    assert (profile.blind_relay.address, profile.blind_relay.flow, profile.blind_relay.stop) == (0x0B25, (1,), (2,))
    assert profile.switch is None


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_pymodbus_agrees_with_the_simulated_gateway(framing: Framing) -> None:
    """An independent client reads and switches our simulated meter as it would a real one."""
    sandbox = SandboxGateway(profile=load_profile("hiking_dds238_2_zn_sr"), units=[1, 2], baud=0, framing=framing)
    port = await sandbox.start()
    framer = FramerType.SOCKET if framing == "mbap" else FramerType.RTU
    client = AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer, retries=0)
    try:
        assert await client.connect()
        answer = await client.read_holding_registers(0x0C, count=1, device_id=2)
        assert answer.registers == [2300]
        done = await client.write_registers(0x1A, [0], device_id=2)
        assert not done.isError()
        assert not sandbox.meter(2).relay_closed
        refused = await client.write_register(0x1A, 1, device_id=2)
        assert refused.isError()
        refused = await client.write_registers(0x00, [0, 0], device_id=2)
        assert refused.isError()
    finally:
        client.close()
        await sandbox.stop()


@pytest.mark.parametrize("framer", [FramerType.SOCKET, FramerType.RTU])
async def test_our_link_agrees_with_the_server_of_pymodbus(framer: FramerType) -> None:
    """An independent server is read and switched by our link, on both framings."""
    profile = load_profile("hiking_dds238_2_zn_sr")
    registers = SimData(address=0, values=[0] * 10 + [0, 7] + [2301] + [0] * 13 + [1], datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=UNIT, simdata=[registers]), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    port = server.transport.sockets[0].getsockname()[1]
    transport = "tcp" if framer is FramerType.SOCKET else "rtu_tcp"
    gateway = Gateway(id="g", site_id="s", transport=transport, host="127.0.0.1", port=port)
    link = await opener(gateway, timeout_s=2)()
    try:
        values = profile.understand([await ask(link, read.request) for read in profile.reads], UNIT)
        assert (values.measured[Measures.ENERGY_WH], values.relay_on) == (70, True)
        assert profile.relay is not None
        await ask(link, profile.relay.request(on=False))
        reply = await ask(link, profile.relay.read_back.request)
        assert profile.relay.read_back.state_in(reply) is False
    finally:
        link.close()
        await asyncio.wait_for(link.closed.wait(), 2)
        await server.shutdown()  # type: ignore[no-untyped-call]
