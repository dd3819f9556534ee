"""`chatwatt profile`: what it prints for people and programs, and that the page of meters says the same."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatwatt.cli import main
from meters.links.rtu import with_crc
from meters.profiles import board_names, load_profile, look_also_in, profile_names, template_names
from tests.house import ROOT

PAGE = ROOT / "docs" / "reference" / "meters.md"
BLUEPRINT = ROOT / "meters" / "profiles" / "_blueprint.yaml"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in English unless told otherwise."""

    def ran(*words: str, language: str = "en") -> tuple[int, str, str]:
        monkeypatch.setenv("LC_ALL", language)
        code = main(["profile", *words])
        told = capsys.readouterr()
        look_also_in(None)
        return code, told.out, told.err

    return ran


def test_the_list_names_every_model(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Models, boards, templates, and one's own: whatever can be written in a meter's record, and what cannot."""
    (tmp_path / "my_meter.yaml").write_text(BLUEPRINT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("name: broken", encoding="utf-8")
    monkeypatch.setenv("CHATWATT_PROFILES", str(tmp_path))
    code, out, _ = run("list")
    rows = {row.split("\t")[0]: row.split("\t") for row in out.splitlines()[1:]}
    assert code == 0
    assert set(rows) == {*profile_names(), *board_names(), *template_names(), "my_meter", "broken"}
    assert rows["my_meter"][4] == "relay"
    assert rows["xintai_valve"][3:5] == ["water", "valve"]
    assert rows["compere_kpm31"][5].startswith("template")
    assert rows["broken"][5].startswith("wrong")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", [*profile_names(), *board_names(), *template_names()])
def test_every_model_can_be_explained(run: Run, name: str, language: str) -> None:
    """Each is told in words in both languages, with its sources and what it cannot do."""
    code, out, _ = run("explain", name, language=language)
    assert code == 0
    if name in profile_names():
        profile = load_profile(name)
        assert all(sentence in out for sentence in (*profile.cannot, *profile.sources))
        assert f"{profile.serial.baud}" in out


def test_the_explanation_says_how_long_a_poll_takes_and_what_a_read_back_is_worth(run: Run) -> None:
    """S4: the time of a poll follows the physics of the line; an order that is only repeated is said to be one."""
    _, out, _ = run("explain", "hiking_dds238_2_zn_sr")
    # 8 + 5 + 2 * 27 characters of 10 bits, two silences of 3.5 characters, 30 ms of thought.
    expected_ms = round(1000 * ((8 + 5 + 2 * 27 + 7) * 10 / 9600) + 30)
    assert f"1 transaction(s), {expected_ms} ms at 9600 baud" in out
    _, out, _ = run("explain", "acrel_ddsy1352")
    assert "repeats the order" in out
    _, out, _ = run("explain", "sfere_prepaid")
    assert "never used" in out


def test_a_file_is_checked_by_line(run: Run, tmp_path: Path) -> None:
    """0 for a sound file, 1 for a wrong one with each mistake, 1 for a template, 2 for one that cannot be read."""
    file = tmp_path / "my_meter.yaml"
    file.write_text(BLUEPRINT.read_text(encoding="utf-8"), encoding="utf-8")
    assert run("check", str(file))[:2] == (0, "my_meter: sound (meter).\n")
    assert run("check", str(BLUEPRINT))[0] == 0
    file.write_text(BLUEPRINT.read_text(encoding="utf-8").replace("maker:", "makr:"), encoding="utf-8")
    code, out, _ = run("check", str(file))
    assert code == 1
    assert re.search(r"^my_meter\.yaml:6: makr: There is no such field", out, re.MULTILINE)
    code, out, _ = run("check", str(ROOT / "meters" / "profiles" / "compere_kpm33.yaml"), language="zh")
    assert code == 1
    assert "compere_kpm33.yaml:16: serial.baud: 空字段" in out
    code, _, err = run("check", str(tmp_path / "nowhere.yaml"))
    assert code == 2
    assert "nowhere.yaml" in err
    assert run("explain", "no_such_model")[0] == 2
    assert run("explain", str(file))[0] == 2


def test_the_page_of_meters_lists_what_there_is() -> None:
    """docs/reference/meters.md has a row for each file: how it is read back, and whether it was tried."""
    rows = {
        cells[0].strip("`"): cells
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 8
    }
    assert set(rows) == {*profile_names(), *board_names(), *template_names()}
    for name in profile_names():
        profile, row = load_profile(name), rows[name]
        assert row[6] == ("yes" if profile.tried else "no"), name
        assert row[5] == ("yes" if profile.identity is not None else "no"), name
        worth = str(profile.switch.read_back.proves) if profile.switch is not None else ""
        assert row[4].startswith(worth or ("none known" if profile.blind_relay is not None else "-")), name
        own = "own relay" if profile.relay is not None else "own valve" if profile.valve is not None else "relay board"
        assert row[3] == own, name


async def test_any_model_is_simulated_by_its_file_alone(tmp_path: Path) -> None:
    """One YAML is enough: a bus of that model answers on a port, has a serial line, and ends when it is told to."""
    (tmp_path / "my_meter.yaml").write_text(BLUEPRINT.read_text(encoding="utf-8"), encoding="utf-8")
    words = ["-m", "chatwatt", "profile", "simulate", "my_meter", "--serial", "--baud", "0", "--meters", "2"]
    environment = {**os.environ, "CHATWATT_PROFILES": str(tmp_path), "LC_ALL": "en"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            where = json.loads(await process.stdout.readline())
            assert where["serial"].startswith("/dev/")
            reader, writer = await asyncio.open_connection("127.0.0.1", where["port"])
            writer.write(with_crc(bytes.fromhex("02 03 00 04 00 01")))
            assert await reader.readexactly(7) == with_crc(bytes.fromhex("02 03 02 08 FC"))
            writer.close()
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_a_simulation_of_nothing_is_refused(run: Run) -> None:
    """Y3: no meters, too many, or nowhere to dial: told in words."""
    for wrong in (["--meters", "0"], ["--meters", "300"], ["--dial", "nowhere"], ["--speed", "0"]):
        code, _, err = run("simulate", "orno_we504", *wrong)
        assert code == 2
        assert "246 meters" in err
