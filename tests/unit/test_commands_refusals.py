"""Whoever mistypes gets one sentence and exit code 2, in their language, and never a traceback or a secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chatwatt import cli
from chatwatt.cli import parser
from chatwatt.commands import demo
from tests.fakes.running_demo import nothing_left, run_program

pytestmark = pytest.mark.timeout(300)

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


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this very process: exit code, output and errors. Starting one takes seconds of processor time."""

    def here(*words: str, settings: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            patch.setattr(cli, "settle_memory", lambda: None)
            for name in [name for name in os.environ if name.startswith("CHATWATT_") or name == "LC_ALL"]:
                patch.delenv(name)
            for name, value in {"LANG": "en_GB.UTF-8", **(settings or {})}.items():
                patch.setenv(name, value)
            try:
                code = cli.main(words)
            except SystemExit as ended:
                code = int(str(ended.code))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return here


def _one_sentence(code: int, out: str, err: str) -> str:
    last = err.splitlines()[-1]
    assert code == 2, (out, err)
    assert "Traceback" not in err
    assert last.startswith("chatwatt: ")
    assert "geheim" not in out + err
    return last


@pytest.mark.parametrize("speed", ["0", "10001"])
def test_a_speed_out_of_bounds(run: Run, speed: str) -> None:
    """The bounds are named."""
    said = _one_sentence(*run("demo", "--no-browser", "--speed", speed))
    assert "from 1 to 10000" in said


def test_a_speed_that_is_no_number(run: Run) -> None:
    """The command line's own check answers, with the same exit code."""
    code, _, err = run("demo", "--speed", "fast")
    assert code == 2
    assert "--speed" in err
    assert "Traceback" not in err


def test_a_port_that_is_none(run: Run) -> None:
    """A wrong --port is told like a wrong setting."""
    said = _one_sentence(*run("demo", "--no-browser", "--port", "70000"))
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
def test_half_of_the_stores(run: Run, tmp_path: Path, given: str, command: str) -> None:
    """One store by address and the other embedded is refused, and both variables are named."""
    said = _one_sentence(*run(command, settings={given: STORES[given], "CHATWATT_DATA": str(tmp_path)}))
    assert all(name in said for name in STORES)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_are_wrong(run: Run, tmp_path: Path) -> None:
    """A7: each wrong variable is named, and no value is repeated, because one of them may be a secret."""
    said = _one_sentence(*run("check", settings=WRONG | {"CHATWATT_DATA": str(tmp_path)}))
    assert all(name in said for name in WRONG)


def test_the_demo_touches_no_real_store_and_no_real_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demonstration started in an operator's shell leaves the operator's database, Redis and bot alone."""
    for name, value in {**STORES, "CHATWATT_TELEGRAM_TOKEN": "123:geheim", "CHATWATT_HOST": "0.0.0.0"}.items():  # noqa: S104
        monkeypatch.setenv(name, value)
    arguments = parser().parse_args(["demo", "--data", str(tmp_path)])
    settings = demo._settings(arguments, 8620)
    assert (settings.mongodb_uri, settings.redis_url, settings.telegram_token) == (None, None, None)
    assert (settings.host, settings.database, settings.data) == ("127.0.0.1", "demo", tmp_path)


def test_a_folder_that_cannot_be(run: Run) -> None:
    """The folder and the reason are named."""
    said = _one_sentence(*run("check", settings={"CHATWATT_DATA": "/dev/null/chatwatt"}))
    assert "/dev/null/chatwatt" in said


def test_the_terminal_without_a_demo(run: Run) -> None:
    """`chatwatt chat` with nobody at that address says so."""
    said = _one_sentence(*run("chat", "--url", "http://127.0.0.1:1/chat"))
    assert "127.0.0.1:1" in said


async def test_trouble_is_told_in_chinese_to_who_reads_chinese() -> None:
    """T1: LC_ALL decides."""
    code, _, err = await run_program("demo", "--no-browser", "--speed", "0", settings={"LC_ALL": "zh_CN.UTF-8"})
    assert code == 2
    assert "须为" in err


def test_a_transcript_that_is_not_there(run: Run, tmp_path: Path) -> None:
    """A wrong file name is told as such."""
    assert "none.txt" in _one_sentence(*run("chat", "--script", str(tmp_path / "none.txt")))
