"""Every profile there is, exercised on a simulated device that is built from it: read, switch, read back."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from meters.links.link import Link
from meters.links.opening import opener
from meters.links.requests import words
from meters.profile import Measures, Profile
from meters.profiles import load_profile, profile_names
from prepaid.domain.metering import Gateway
from sandbox.meters import SandboxGateway
from sandbox.meters_wire import Framing

UNIT = 9


async def link_to(sandbox: SandboxGateway) -> Link:
    """Our link to the simulated gateway."""
    transport = "tcp" if sandbox.framing == "mbap" else "rtu_tcp"
    gateway = Gateway(id="g", site_id="s", transport=transport, host="127.0.0.1", port=sandbox.port)
    return await opener(gateway, timeout_s=2)()


async def read_all(link: Link, profile: Profile) -> list[tuple[int, ...]]:
    """One poll."""
    return [words(await link.ask(UNIT, read.request, timeout_s=2)) for read in profile.reads]


@pytest.mark.parametrize("framing", get_args(Framing))
@pytest.mark.parametrize("name", profile_names())
async def test_every_profile_reads_and_switches_a_device(name: str, framing: Framing) -> None:
    """S4, S11: a model reads right figures, passes its own checks, switches, and says so when read back."""
    profile = load_profile(name)
    sandbox = SandboxGateway(profile=profile, units=[UNIT], baud=0, framing=framing, monotonic=lambda: 0.0)
    await sandbox.start()
    device = sandbox.meter(UNIT)
    device.energy_wh, device.load_w = 123_450, 1_200
    link = await link_to(sandbox)
    try:
        values = profile.values(await read_all(link, profile), UNIT)
        assert values.failed_checks == ()
        assert values.measured[Measures.ENERGY_WH] == 123_450
        if profile.relay is not None:
            for on in (False, True):
                await link.ask(UNIT, profile.relay.request(on=on), timeout_s=2)
                reply = await link.ask(UNIT, profile.relay.read_back.request, timeout_s=2)
                assert profile.relay.read_back.state_in(reply) is on
                assert device.relay_closed is on
    finally:
        link.close()
        await asyncio.wait_for(link.closed.wait(), 2)
        await sandbox.stop()


@pytest.mark.parametrize("framing", get_args(Framing))
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
        values = profile.values(await read_all(link, profile), UNIT)
        assert (values.measured[Measures.ENERGY_WH], values.relay_on) == (70, True)
        assert profile.relay is not None
        await link.ask(UNIT, profile.relay.request(on=False), timeout_s=2)
        reply = await link.ask(UNIT, profile.relay.read_back.request, timeout_s=2)
        assert profile.relay.read_back.state_in(reply) is False
    finally:
        link.close()
        await asyncio.wait_for(link.closed.wait(), 2)
        await server.shutdown()  # type: ignore[no-untyped-call]
