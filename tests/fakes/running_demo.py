"""`chatwatt demo` as the program that a person starts, on a free port: watched, ended, or killed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatwatt.demo.tenant import ScriptedPerson
from chatwatt.embedded.ports import free_port

START_S_MAX = 180.0
PROGRAM = (sys.executable, "-m", "chatwatt")


@dataclass(slots=True, kw_only=True)
class RunningDemo:
    """One run of the program over a data directory."""

    process: asyncio.subprocess.Process
    data: Path
    url: str

    def person(self, user: str) -> ScriptedPerson:
        """Somebody at the chat page's socket."""
        return ScriptedPerson(self.url, user)

    async def interrupt(self, *, within_s: float) -> int:
        """Ctrl-C; its exit code. Raises `TimeoutError`."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL to the program alone: what becomes of its children is its own affair."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running_demo(data: Path, *options: str, port: int = 0) -> AsyncIterator[RunningDemo]:
    """Starts the demo and waits until its page answers; on the way out it is ended in one way or the other."""
    words = ("demo", "--no-browser", "--data", str(data), "--port", str(port or free_port()), *options)
    complaints = data / "stderr.log"
    with complaints.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, *words, stdout=asyncio.subprocess.PIPE, stderr=stderr, env=environment()
        )
    demo = RunningDemo(process=process, data=data, url="")
    try:
        demo.url = await _address(process, complaints)
        yield demo
    finally:
        if process.returncode is None:
            try:
                await demo.interrupt(within_s=30)
            except TimeoutError:
                await demo.kill()


async def run_program(
    *words: str, within_s: float = 180, settings: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Runs a command to its end: exit code, standard output, standard error."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *words, stdout=pipe, stderr=pipe, env=environment(settings)
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return await process.wait(), out.decode(), err.decode()


async def audit(data: Path) -> tuple[int, Mapping[str, Any]]:
    """`chatwatt audit` of a demo's books: exit code and the last line."""
    code, out, err = await run_program("audit", settings={"CHATWATT_DATA": str(data), "CHATWATT_DATABASE": "demo"})
    assert out, err
    return code, json.loads(out.splitlines()[-1])


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without settings that would change what the program does, in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATWATT_")}
    return {**kept, "LC_ALL": "en_US.UTF-8", **(settings or {})}


def processes_of(data: Path) -> list[int]:
    """Every process that holds a file below the data directory, works in it or names it."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _holds(entry, data)]


async def nothing_left(data: Path, *, within_s: float = 10) -> None:
    """Returns when no process of that directory is left. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        for pid in processes_of(data):
            await _gone(pid)
    assert processes_of(data) == []


async def _gone(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _holds(process: Path, data: Path) -> bool:
    names: list[str] = []
    with suppress(OSError):
        names.append((process / "cmdline").read_bytes().decode(errors="replace"))
        names.append(str((process / "cwd").readlink()))
        for handle in (process / "fd").iterdir():
            with suppress(OSError):
                names.append(str(handle.readlink()))
    return any(str(data) in name for name in names)


async def _address(process: asyncio.subprocess.Process, complaints: Path) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_S_MAX):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("Open "), _end_of(complaints)
    return line.split()[1]


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-2_000:]
