"""Programs of other people that tests compare us with: each in a folder of its own, apart from our dependencies."""

from __future__ import annotations

import asyncio
import fcntl
import sys
from collections.abc import Sequence
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
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not is_there(packages):
            flags = ("--quiet", "--no-compile", "--no-input", "--retries", "1", *(["--no-deps"] if alone else []))
            pip = (sys.executable, "-m", "pip", "install", *flags, "--upgrade", "--target", str(folder), *packages)
            try:
                async with asyncio.timeout(INSTALL_S):
                    code, _, err = await run(*pip)
            except TimeoutError:
                pytest.skip(f"the package index gave no {packages[0]} in {INSTALL_S} s")
            if code:
                pytest.skip(f"no {packages[0]} from the package index: {err.decode().splitlines()[-1]}")
            (folder / "complete").touch()
    return folder


def is_there(packages: Sequence[str]) -> bool:
    """Whether they are installed."""
    return (TOOLS / packages[0] / "complete").exists()
