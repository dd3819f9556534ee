"""Other masters, on the same gateways as ours: a loop on pymodbus's client, and modpoll in a venv of its own."""

from __future__ import annotations

import asyncio
import csv
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from bench._gateways import Spec
from bench._masters import REGISTERS, REPLY_TIMEOUT_S

TOOLS = Path("var") / "bench-tools"
MODPOLL = "modpoll==1.6.0"
START_S = 15.0
"""What ten Python programs may take to start on two cores; their time counts from the first request on."""
FREE_TRY_S = 0.01
"""pymodbus raises without an await while it is not connected."""


def quiet_client(port: int) -> AsyncModbusTcpClient:
    """A client of pymodbus without retries, which would only slow it down, and without a log line for each silence."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    return AsyncModbusTcpClient("127.0.0.1", port=port, timeout=REPLY_TIMEOUT_S, retries=0)


async def pymodbus_loop(ports: Sequence[int], spec: Spec, window_s: float) -> tuple[int, int]:
    """One loop for each gateway, no retries, the same timeout as ours: what a careful user writes."""
    counts = await asyncio.gather(*(_loop(port, spec, window_s) for port in ports))
    return sum(reads for reads, _ in counts), sum(seen for _, seen in counts)


async def _loop(port: int, spec: Spec, window_s: float) -> tuple[int, int]:
    client = quiet_client(port)
    await client.connect()
    end, reads = time.monotonic() + window_s, 0
    seen: set[int] = set()
    try:
        while True:
            for unit in range(1, spec.meters + 1):
                if time.monotonic() >= end:
                    return reads, len(seen)
                try:
                    reply = await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
                except ModbusException:
                    await asyncio.sleep(FREE_TRY_S)
                    continue
                if not reply.isError() and time.monotonic() < end:
                    reads += 1
                    seen.add(unit)
    finally:
        client.close()


@asynccontextmanager
async def modpoll() -> AsyncIterator[Callable[[Sequence[int], Spec, float], Awaitable[None]]]:
    """modpoll, installed once beside the product and never into it."""
    program = TOOLS / "bin" / "modpoll"
    if not await asyncio.to_thread(program.exists):
        await _call(sys.executable, "-m", "venv", str(TOOLS))
        await _call(str(TOOLS / "bin" / "pip"), "install", "-q", MODPOLL)
    with TemporaryDirectory(prefix="chatwatt-modpoll-") as folder:

        async def master(ports: Sequence[int], spec: Spec, window_s: float) -> None:
            async with asyncio.TaskGroup() as tasks:
                for port in ports:
                    tasks.create_task(_one(program, Path(folder), port, spec, window_s + START_S))

        yield master


async def _one(program: Path, folder: Path, port: int, spec: Spec, run_s: float) -> None:
    """One modpoll for one gateway: it polls one host a process. The gateways count what it reads."""
    config = folder / f"{port}.csv"
    await asyncio.to_thread(_write_config, config, spec)
    where = ("--tcp", "127.0.0.1", "--tcp-port", str(port), "-f", str(config))
    pace = ("--rate", "0.01", "--interval", "0", "--daemon", "--timeout", str(REPLY_TIMEOUT_S), "--loglevel", "ERROR")
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(str(program), *where, *pace, stdout=nowhere, stderr=nowhere)
    await asyncio.sleep(run_s)
    process.kill()
    await process.wait()


def _write_config(path: Path, spec: Spec) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        for unit in range(1, spec.meters + 1):
            rows.writerow(("device", f"m{unit}", unit, "", ""))
            rows.writerow(("poll", "holding_register", 0, REGISTERS, "BE_BE"))
            rows.writerow(("ref", f"e{unit}", 0, "uint32", "r"))


async def _call(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    if await process.wait():
        raise RuntimeError(f"{words[0]} failed")
