"""Programs of other people that tests compare us with: each in a folder of its own, apart from our dependencies."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.house import ROOT

TOOLS = ROOT / "var" / "test-tools"
INSTALL_S = 300


async def run(*command: str, told: bytes = b"") -> tuple[int, bytes, bytes]:
    """A program to its end: exit code, standard output, standard error."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(told)
    return process.returncode or 0, out, err


async def tool_folder(packages: Sequence[str], *, alone: bool) -> Path:
    """The folder with these packages, installed once; without the package index the test is skipped with the reason.

    `alone` leaves out what they need in turn, for those that need nothing that we have not.
    """
    folder = TOOLS / packages[0]
    async with _alone():
        if not is_there(packages):
            flags = ("--quiet", "--no-compile", "--no-input", "--retries", "1", *(["--no-deps"] if alone else []))
            pip = (sys.executable, "-m", "pip", "install", *flags, "--upgrade", "--target", str(folder), *packages)
            await _install(packages[0], folder, pip)
    return folder


async def node_folder(name: str, manifest: Path) -> Path:
    """The folder with the packages for Node that the manifest's folder locks, likewise; no script of theirs is run."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here")
    folder, lock = TOOLS / name, (manifest / "package-lock.json").read_bytes()
    async with _alone():
        if not is_there([name]) or (folder / "package-lock.json").read_bytes() != lock:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file in ("package.json", "package-lock.json"):
                shutil.copy(manifest / file, folder)
            flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder))
            await _install(name, folder, (npm, "ci", *flags))
    return folder


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """One test process installs, the others wait for it."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


async def _install(name: str, folder: Path, command: Sequence[str]) -> None:
    try:
        async with asyncio.timeout(INSTALL_S):
            code, _, err = await run(*command)
    except TimeoutError:
        pytest.skip(f"the package index gave no {name} in {INSTALL_S} s")
    if code:
        pytest.skip(f"no {name} from the package index: {err.decode().splitlines()[-1]}")
    (folder / "complete").touch()


def is_there(packages: Sequence[str]) -> bool:
    """Whether they are installed."""
    return (TOOLS / packages[0] / "complete").exists()
