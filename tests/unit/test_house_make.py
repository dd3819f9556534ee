"""The two commands of the README and the door of continuous integration do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

FIND_PYTHON = ROOT / "tools" / "find-python.sh"
APT_NEEDS = ROOT / "tools" / "apt-needs.sh"


def _run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        words, cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=30, check=False
    )


def _fake(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_help_lists_every_target_that_people_use() -> None:
    """`make` alone lists the targets with what they are for."""
    result = _run("make")
    assert result.returncode == 0
    listed = set(re.findall(r"^  ([a-z-]+) +\S", result.stdout, re.MULTILINE))
    assert listed >= {"help", "demo", "test", "pytest", "lint", "types", "bench", "docs", "clean"}


def test_test_checks_everything_before_the_tests_and_ends_with_them() -> None:
    """`make test` runs style, format, import rules and types, and pytest's summary is its last word."""
    result = _run("make", "--dry-run", "test")
    assert result.returncode == 0, result.stderr
    steps = [
        step
        for step in ("ruff check", "ruff format --check", "lint-imports", "/mypy", "-m pytest")
        if step in result.stdout
    ]
    assert len(steps) == 5
    assert "-m pytest" in result.stdout.strip().splitlines()[-1]


def test_demo_ends_in_the_program_with_its_arguments() -> None:
    """`make demo ARGS=...` hands the arguments on and installs no test tools."""
    result = _run("make", "--dry-run", "demo", "ARGS=--port 8099")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().splitlines()[-1].endswith("/chatwatt demo --port 8099")
    assert "dev]" not in result.stdout


def test_continuous_integration_runs_make_test_and_nothing_else() -> None:
    """.ci/run is executable and is one door to `make test`."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "set -euo pipefail"
    assert lines[-1] == "exec make test"


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    """Nobody has to guess why an old Python does not do."""
    old = _fake(tmp_path, "python3", 'case "$2" in *exit*) exit 1 ;; *) echo "Python 3.9" ;; esac')
    result = _run(FIND_PYTHON, old)
    assert result.returncode == 1
    assert "is Python 3.9" in result.stderr
    assert "3.11, 3.12 or 3.13" in result.stderr


def test_another_python_on_the_path_is_taken_when_the_default_is_too_old(tmp_path: Path) -> None:
    """With python3 too old, a supported python3.12 beside it is found."""
    _fake(tmp_path, "python3", "exit 1")
    _fake(tmp_path, "python3.12", f'exec "{sys.executable}" "$@"')
    result = _run("/bin/sh", FIND_PYTHON, PATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (0, "python3.12\n")


def test_no_python_at_all_ends_with_a_sentence(tmp_path: Path) -> None:
    """With no supported Python the first line says what is needed."""
    result = _run("/bin/sh", FIND_PYTHON, PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("chatwatt needs Python 3.11, 3.12 or 3.13")


@pytest.mark.parametrize(
    ("environment", "why"),
    [({"CHATWATT_APT": "no"}, "CHATWATT_APT=no"), ({}, "apt-get could not install them")],
    ids=["told not to", "apt fails"],
)
def test_missing_debian_packages_never_fail_the_build(tmp_path: Path, environment: dict[str, str], why: str) -> None:
    """A program that cannot be had is named, and the build goes on: its tests skip and say so."""
    for name, script in {"apt-get": "exit 100", "id": "echo 0", "timeout": 'shift; exec "$@"'}.items():
        _fake(tmp_path, name, script)
    path = f"{tmp_path}:{os.environ['PATH']}"
    result = _run(APT_NEEDS, "chatwatt-no-such-program", PATH=path, **environment)
    assert result.returncode == 0
    assert f"Missing Debian packages: chatwatt-no-such-program ({why})" in result.stderr


def test_programs_that_are_here_are_not_installed_again() -> None:
    """When nothing is missing nothing is asked of apt."""
    result = _run(APT_NEEDS, "sh", CHATWATT_APT="no")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
