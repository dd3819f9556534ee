"""Whoever mistypes gets one sentence and exit code 2, in their language, and never a traceback or a secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatwatt.cli import parser
from chatwatt.commands import demo
from tests.fakes.running_demo import nothing_left, run_program

pytestmark = pytest.mark.timeout(120)

STORES = {"CHATWATT_MONGODB_URI": "mongodb://somebody:geheim@127.0.0.1:1/", "CHATWATT_REDIS_URL": "redis://127.0.0.1:1"}

WRONG = {
    "CHATWATT_DRIVER": "geheim",
    "CHATWATT_PORT": "geheim",
    "CHATWATT_LOG_LEVEL": "geheim",
    "CHATWATT_LOG_FORMAT": "geheim",
    "CHATWATT_MONGODB_URI": "http://geheim",
    "CHATWATT_REDIS_URL": "geheim",
    "CHATWATT_DATABASE": "Geheim geheim",
}


def _one_sentence(code: int, out: str, err: str) -> str:
    last = err.splitlines()[-1]
    assert code == 2, (out, err)
    assert "Traceback" not in err
    assert last.startswith("chatwatt: ")
    assert "geheim" not in out + err
    return last


@pytest.mark.parametrize("speed", ["0", "10001"])
async def test_a_speed_out_of_bounds(speed: str) -> None:
    """The bounds are named."""
    said = _one_sentence(*await run_program("demo", "--no-browser", "--speed", speed))
    assert "from 1 to 10000" in said


async def test_a_speed_that_is_no_number() -> None:
    """The command line's own check answers, with the same exit code."""
    code, _, err = await run_program("demo", "--speed", "fast")
    assert code == 2
    assert "--speed" in err
    assert "Traceback" not in err


async def test_a_port_that_is_none() -> None:
    """A wrong --port is told like a wrong setting."""
    said = _one_sentence(*await run_program("demo", "--no-browser", "--port", "70000"))
    assert "CHATWATT_PORT" in said


@pytest.mark.parametrize("command", ["demo", "all"])
async def test_a_port_that_is_taken(tmp_path: Path, command: str) -> None:
    """The port is named, everything that was started is stopped again."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    words = ["demo", "--no-browser", "--data", str(tmp_path), "--port", str(port)] if command == "demo" else ["all"]
    settings = {} if command == "demo" else {"CHATWATT_PORT": str(port), "CHATWATT_DATA": str(tmp_path)}
    try:
        said = _one_sentence(*await run_program(*words, settings=settings))
    finally:
        server.close()
        await server.wait_closed()
    assert str(port) in said
    await nothing_left(tmp_path)


@pytest.mark.parametrize("given", sorted(STORES))
@pytest.mark.parametrize("command", ["check", "audit"])
async def test_half_of_the_stores(tmp_path: Path, given: str, command: str) -> None:
    """One store by address and the other embedded is refused, and both variables are named."""
    said = _one_sentence(*await run_program(command, settings={given: STORES[given], "CHATWATT_DATA": str(tmp_path)}))
    assert all(name in said for name in STORES)
    await nothing_left(tmp_path)


async def test_settings_that_are_wrong(tmp_path: Path) -> None:
    """A7: each wrong variable is named, and no value is repeated, because one of them may be a secret."""
    said = _one_sentence(*await run_program("check", settings=WRONG | {"CHATWATT_DATA": str(tmp_path)}))
    assert all(name in said for name in WRONG)


def test_the_demo_touches_no_real_store_and_no_real_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demonstration started in an operator's shell leaves the operator's database, Redis and bot alone."""
    for name, value in {**STORES, "CHATWATT_TELEGRAM_TOKEN": "123:geheim", "CHATWATT_HOST": "0.0.0.0"}.items():  # noqa: S104
        monkeypatch.setenv(name, value)
    arguments = parser().parse_args(["demo", "--data", str(tmp_path)])
    settings = demo._settings(arguments, 8620)
    assert (settings.mongodb_uri, settings.redis_url, settings.telegram_token) == (None, None, None)
    assert (settings.host, settings.database, settings.data) == ("127.0.0.1", "demo", tmp_path)


async def test_a_folder_that_cannot_be() -> None:
    """The folder and the reason are named."""
    said = _one_sentence(*await run_program("check", settings={"CHATWATT_DATA": "/dev/null/chatwatt"}))
    assert "/dev/null/chatwatt" in said


async def test_the_terminal_without_a_demo() -> None:
    """`chatwatt chat` with nobody at that address says so."""
    said = _one_sentence(*await run_program("chat", "--url", "http://127.0.0.1:1/chat"))
    assert "127.0.0.1:1" in said


async def test_trouble_is_told_in_chinese_to_who_reads_chinese() -> None:
    """T1: LC_ALL decides."""
    code, _, err = await run_program("demo", "--no-browser", "--speed", "0", settings={"LC_ALL": "zh_CN.UTF-8"})
    assert code == 2
    assert "须为" in err
