"""A child process is started, heard, ended and leashed as promised, whatever it does itself."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chatwatt.embedded import child as child_module
from chatwatt.embedded.child import LOG_BYTES_MAX, Child
from prepaid.domain.errors import TryAgain

SOON_S = 10.0
READY = "print('ready', flush=True)"
STUBBORN = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}; time.sleep(60)"
OBEDIENT = f"import time; {READY}; time.sleep(60)"


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def _read(path: Path) -> str:
    return path.read_text()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


async def test_a_child_is_ready_when_it_says_so(log: Path) -> None:
    """Waiting ends with the line and not before; stopping ends the process."""
    child = Child(_python(OBEDIENT), log)
    assert await child.ready("ready")
    assert child.is_alive()
    await child.stop()
    assert not child.is_alive()
    await child.stop()


async def test_a_child_that_ends_early_is_not_ready(log: Path) -> None:
    """A child that ends before its line is not ready, and its last words are kept."""
    child = Child(_python("print('no licence')"), log)
    assert not await child.ready("ready")
    assert "no licence" in child.said()


async def test_only_its_own_words_count(log: Path) -> None:
    """The line of an earlier process in the same log makes nobody ready."""
    _write(log, b"ready\n")
    child = Child(_python("pass"), log)
    assert not await child.ready("ready")
    assert _read(log) == "ready\n"


async def test_a_child_that_says_nothing_is_given_up(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a start has an end, and nothing keeps running after it."""
    monkeypatch.setattr(child_module, "READY_TIMEOUT_S", 0.2)
    child = Child(_python("import time; time.sleep(60)"), log)
    with pytest.raises(TryAgain) as caught:
        await child.ready("ready")
    assert caught.value.key == "try_again.embedded_slow"
    assert not child.is_alive()


async def test_a_stubborn_child_is_killed(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores SIGTERM is killed when its time is up."""
    monkeypatch.setattr(child_module, "STOP_TIMEOUT_S", 0.3)
    child = Child(_python(STUBBORN), log)
    assert await child.ready("ready")
    async with asyncio.timeout(SOON_S):
        await child.stop()
    assert not child.is_alive()


async def test_an_end_is_noticed(log: Path) -> None:
    """Whoever waits for the end of a child learns of it, also when it had ended before."""
    child = Child(_python(OBEDIENT), log)
    assert await child.ready("ready")
    waiting = asyncio.create_task(child.ended())
    await asyncio.sleep(0)
    os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(SOON_S):
        await waiting
        await child.ended()


async def test_a_log_is_cut_when_it_has_grown(log: Path) -> None:
    """Y3: a log beyond five megabytes begins anew at the next start; a smaller one goes on."""
    _write(log, b"x" * (LOG_BYTES_MAX + 1))
    for lines in (1, 2):
        child = Child(_python("print('started')"), log)
        await child.ended()
        assert _read(log) == "started\n" * lines


async def test_a_child_is_out_of_reach_of_the_terminal(log: Path) -> None:
    """Ctrl-C reaches us and not the stores, so that our own work drains first."""
    child = Child(_python(OBEDIENT), log)
    assert await child.ready("ready")
    assert os.getsid(child.pid) != os.getsid(0)
    child.kill()


def test_a_child_dies_with_its_parent(log: Path) -> None:
    """Y1: when we are killed the kernel kills the child, even one that ignores every polite signal."""
    code = (
        "import asyncio, os, sys; from pathlib import Path; from chatwatt.embedded.child import Child\n"
        "child = Child(sys.argv[2:], Path(sys.argv[1]))\n"
        "assert asyncio.run(child.ready('ready'))\n"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(log), *_python(STUBBORN)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        handle = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert select.select([handle], [], [], SOON_S)[0] == [handle]
    finally:
        os.close(handle)


def test_a_leash_without_its_parent_starts_nothing(tmp_path: Path) -> None:
    """A parent that died before the leash was on leaves no child behind."""
    leash = Path(child_module.__file__).with_name("leash.py")
    mark = tmp_path / "mark"
    command = [sys.executable, "-I", "-S", str(leash), "1", *_python(f"open({str(mark)!r}, 'w')")]
    assert os.getpid() != 1
    assert subprocess.run(command, check=False, timeout=SOON_S).returncode == 1
    assert not mark.exists()
