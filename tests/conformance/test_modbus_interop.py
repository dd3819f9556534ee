"""Our wire against code that nobody here wrote: pymodbus's servers and client, a libmodbus server, and mbpoll."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

from meters.links import files, requests
from meters.links.errors import ExceptionReply
from meters.links.link import Link
from meters.links.opening import Ways
from meters.profiles import load_profile
from prepaid.domain.metering import Gateway, LinkOptions
from sandbox.meters import SandboxGateway
from sandbox.meters_wire import Framing
from tests.fakes.certificates import Authority
from tests.fakes.pty_line import pty_line, pty_to_tcp

UNIT = 3
TIMEOUT_S = 3.0
C_SOURCE = Path(__file__).parents[1] / "fakes" / "libmodbus_server.c"
PROFILE = "hiking_dds238_2_zn_sr"
ENERGY_AT, VOLTAGE_AT, RELAY_AT = 0x0A, 0x0C, 0x1A
ENERGY_WH, VOLTAGE_DV = 1_234_560, 2_300


async def drill(link: Link) -> None:
    """Reads, writes and exceptions, as far as a slave with registers `1000 + n` can say them."""

    async def ask(request: requests.Request) -> bytes:
        return await link.ask(UNIT, request, timeout_s=TIMEOUT_S)

    for function in (requests.READ_HOLDING, requests.READ_INPUT):
        reply = await ask(requests.read(function, 10, 60))
        assert requests.words(reply) == tuple(range(1010, 1070))
    await ask(requests.write(requests.WRITE_REGISTERS, 20, [7, 8, 9]))
    await ask(requests.write(requests.WRITE_REGISTER, 23, [10]))
    assert requests.words(await ask(requests.read(requests.READ_HOLDING, 19, 6))) == (1019, 7, 8, 9, 10, 1024)
    with pytest.raises(ExceptionReply) as told:
        await ask(requests.read(requests.READ_HOLDING, 5000, 2))
    assert told.value.code == 2
    assert requests.bits(await ask(requests.read(requests.READ_COILS, 3, 5)), 5) == (0, 1, 0, 1, 0)
    await ask(requests.write(requests.WRITE_COIL, 3, [1]))
    assert requests.bits(await ask(requests.read(requests.READ_COILS, 3, 5)), 5) == (1, 1, 0, 1, 0)
    assert (link.counts.timeouts, link.counts.skipped_bytes) == (0, 0)


@asynccontextmanager
async def opened(ways: Ways, gateway: Gateway) -> AsyncIterator[Link]:
    """A link as the product opens it."""
    link = await ways.opener(gateway, timeout_s=TIMEOUT_S)()
    try:
        yield link
    finally:
        link.close()


def called(transport: str, port: int) -> Gateway:
    """A gateway on this machine."""
    return Gateway(id="g", site_id="s", transport=transport, host="127.0.0.1", port=port)


def plugged(path: str) -> Gateway:
    """A gateway at a serial port."""
    return Gateway(id="g", site_id="s", transport="serial", options=LinkOptions(device=path))


# pymodbus's servers.


def simulated() -> SimDevice:
    """Pymodbus's own simulated device: registers and coils in blocks of their own."""
    words = SimData(0, values=[1000 + at for at in range(200)], datatype=DataType.REGISTERS)
    coils = SimData(0, values=[at % 2 == 0 for at in range(64)], datatype=DataType.BITS)
    return SimDevice(UNIT, simdata=([coils], [coils], [words], [words]))


Server = ModbusTcpServer | ModbusTlsServer | ModbusSerialServer


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[int]:
    """The server at work; its port if it has one."""
    await server.serve_forever(background=True)
    try:
        sockets = getattr(server.transport, "sockets", None)
        yield sockets[0].getsockname()[1] if sockets else 0
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("transport", "framer"), [("tcp", FramerType.SOCKET), ("rtu_tcp", FramerType.RTU)])
async def test_our_master_and_pymodbus_over_tcp(transport: str, framer: FramerType) -> None:
    """S11: both framings against pymodbus's server."""
    server = ModbusTcpServer(simulated(), framer=framer, address=("127.0.0.1", 0))
    async with serving(server) as port, opened(Ways(), called(transport, port)) as link:
        await drill(link)


async def test_our_master_and_pymodbus_over_tls(tmp_path: Path) -> None:
    """S11: mutual TLS against pymodbus's TLS server, with the framing of Modbus/TCP Security."""
    authority = Authority(tmp_path)
    context = files.called(authority.sign("gateway"))
    server = ModbusTlsServer(simulated(), framer=FramerType.SOCKET, sslctx=context, address=("127.0.0.1", 0))
    async with serving(server) as port, opened(Ways(tls=authority.sign("us")), called("tls", port)) as link:
        await drill(link)


async def test_our_master_and_pymodbus_on_a_serial_line() -> None:
    """S11: RTU on a pair of pseudo terminals against pymodbus's serial server."""
    async with pty_line() as (theirs, ours):
        server = ModbusSerialServer(simulated(), port=theirs, baudrate=9600)
        async with serving(server), opened(Ways(), plugged(ours)) as link:
            await drill(link)


# A server on libmodbus.


@pytest.fixture(scope="module")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C server, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/usr/include/modbus/modbus.h").exists():
        pytest.skip("no C compiler or no libmodbus-dev on this system")
    program = tmp_path_factory.mktemp("libmodbus") / "server"
    words = [compiler, "-o", str(program), str(C_SOURCE), "-lmodbus"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return program


@asynccontextmanager
async def running(program: Path, *words: str) -> AsyncIterator[None]:
    """The server until the test is over."""
    process = await asyncio.create_subprocess_exec(program, *words, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 10) == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_our_master_and_libmodbus_over_tcp(libmodbus: Path) -> None:
    """S11: Modbus TCP against libmodbus."""
    port = free_port()
    async with running(libmodbus, "tcp", str(port)), opened(Ways(), called("tcp", port)) as link:
        await drill(link)


async def test_our_master_and_libmodbus_on_a_serial_line(libmodbus: Path) -> None:
    """S11: RTU on a pair of pseudo terminals against libmodbus, which minds the silence between frames."""
    async with pty_line() as (theirs, ours), running(libmodbus, "rtu", theirs), opened(Ways(), plugged(ours)) as link:
        await drill(link)


# Their masters against our simulated gateway.


@asynccontextmanager
async def sandbox_gateway(framing: Framing) -> AsyncIterator[SandboxGateway]:
    """A meter with a known register, idle."""
    gateway = SandboxGateway(profile=load_profile(PROFILE), units=[UNIT], baud=0, framing=framing)
    await gateway.start()
    meter = gateway.meter(UNIT)
    meter.load_w = 0
    meter.energy_wh = ENERGY_WH
    try:
        yield gateway
    finally:
        await gateway.stop()


async def _pymodbus_drill(client: ModbusBaseClient) -> None:
    assert await client.connect()
    try:
        await _read_and_switch(client)
    finally:
        client.close()


async def _read_and_switch(client: ModbusBaseClient) -> None:
    energy = await client.read_holding_registers(ENERGY_AT, count=2, device_id=UNIT)
    assert energy.registers == [*divmod(ENERGY_WH // 10, 0x10000)]
    for on in (0, 1):
        written = await client.write_registers(RELAY_AT, [on], device_id=UNIT)
        assert not written.isError()
        back = await client.read_holding_registers(RELAY_AT, count=1, device_id=UNIT)
        assert back.registers == [on]
    refused = await client.read_holding_registers(0x4000, count=1, device_id=UNIT)
    assert refused.exception_code == 2


@pytest.mark.parametrize(("framing", "framer"), [("mbap", FramerType.SOCKET), ("rtu", FramerType.RTU)])
async def test_pymodbus_and_our_gateway_over_tcp(framing: Framing, framer: FramerType) -> None:
    """What we measure ourselves against speaks what others understand."""
    async with sandbox_gateway(framing) as gateway:
        client = AsyncModbusTcpClient("127.0.0.1", port=gateway.port, framer=framer, retries=0)
        await _pymodbus_drill(client)
        assert gateway.meter(UNIT).operations == 2


async def test_pymodbus_and_our_gateway_on_a_serial_line() -> None:
    """The same on a pseudo terminal."""
    async with sandbox_gateway("rtu") as gateway, pty_to_tcp(gateway.port) as path:
        await _pymodbus_drill(AsyncModbusSerialClient(path, baudrate=9600, retries=0))
        assert gateway.meter(UNIT).operations == 2


async def mbpoll(*words: str) -> str:
    """What mbpoll prints."""
    program = shutil.which("mbpoll")
    if program is None:
        pytest.skip("no mbpoll on this system")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, out.decode()
    return out.decode()


async def _mbpoll_drill(gateway: SandboxGateway, mode: Sequence[str], where: str) -> None:
    common = [*mode, "-a", str(UNIT), "-0", "-1", "-o", "3"]
    read = await mbpoll(*common, "-r", str(VOLTAGE_AT), "-c", "1", where)
    assert f"[{VOLTAGE_AT}]: \t{VOLTAGE_DV}" in read
    energy = await mbpoll(*common, "-t", "4:int", "-B", "-r", str(ENERGY_AT), "-c", "1", where)
    assert f"[{ENERGY_AT}]: \t{ENERGY_WH // 10}" in energy
    assert gateway.counts.transactions == 2


async def test_mbpoll_and_our_gateway_over_tcp() -> None:
    """A master on libmodbus reads our simulated meter."""
    async with sandbox_gateway("mbap") as gateway:
        await _mbpoll_drill(gateway, ["-m", "tcp", "-p", str(gateway.port)], "127.0.0.1")


async def test_mbpoll_and_our_gateway_on_a_serial_line() -> None:
    """The same with RTU on a pseudo terminal."""
    async with sandbox_gateway("rtu") as gateway, pty_to_tcp(gateway.port) as path:
        await _mbpoll_drill(gateway, ["-m", "rtu", "-b", "9600", "-P", "none"], path)
