"""The reference pages and the program say the same: every setting and every command, and no other."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
import sys

import pytest
import yaml
from pydantic_settings import BaseSettings

from chatwatt.settings import AlipaySettings, Settings, WeChatPaySettings, WeChatSettings
from prepaid.domain.notices import NoticeKind
from tests import notice_page
from tests.house import ROOT

SETTINGS_PAGE = ROOT / "docs" / "reference" / "settings.md"
COMMANDS_PAGE = ROOT / "docs" / "reference" / "commands.md"
_VARIABLE = re.compile(r"\bCHATWATT_[A-Z0-9_]*[A-Z0-9]\b")
NOT_A_SETTING = frozenset({"CHATWATT_APT"})
"""Read by make, not by the program."""


def _variables(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config["env_prefix"]
    return {prefix + name.upper() for name in settings.model_fields}


def _known() -> set[str]:
    known = (Settings, WeChatSettings, WeChatPaySettings, AlipaySettings)
    return set().union(*(_variables(settings) for settings in known))


def _rows(page: str) -> set[str]:
    return set(re.findall(r"^\| `(CHATWATT_\w+)` \|", page, re.MULTILINE))


def test_every_setting_has_its_row_and_no_row_is_stale() -> None:
    """docs/reference/settings.md lists exactly what the program reads."""
    rows = _rows(SETTINGS_PAGE.read_text(encoding="utf-8"))
    assert rows == _known()


@pytest.mark.parametrize("settings", [Settings, WeChatSettings, WeChatPaySettings, AlipaySettings])
def test_the_stated_defaults_are_the_real_ones(settings: type[BaseSettings]) -> None:
    """A default that the page names is the default of the program."""
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `(CHATWATT_\w+)` \| `([^`]+)` \|", page, re.MULTILINE))
    prefix = settings.model_config["env_prefix"]
    real = {prefix + name.upper(): str(field.default) for name, field in settings.model_fields.items()}
    wrong = {name: (default, real[name]) for name, default in stated.items() if name in real and real[name] != default}
    assert wrong == {}


@pytest.mark.parametrize(
    "path", ["docker/env.example", "docker/compose.yaml", "docs/how-to", "docs/reference", "README.md"]
)
def test_no_page_names_a_setting_that_does_not_exist(path: str) -> None:
    """Whoever copies a line from a page gets a setting that works."""
    target = ROOT / path
    pages = sorted(target.glob("*.md")) if target.is_dir() else [target]
    named = {name for page in pages for name in _VARIABLE.findall(page.read_text(encoding="utf-8"))}
    prefixes = {"CHATWATT", "CHATWATT_WECHAT", "CHATWATT_WECHAT_PAY"}
    assert named - _known() - NOT_A_SETTING - prefixes == set()


def test_the_containers_get_both_stores() -> None:
    """Each part is given MongoDB and Redis by address, so that none looks for the embedded ones."""
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name in ("web", "worker", "scheduler"):
        assert {"CHATWATT_MONGODB_URI", "CHATWATT_REDIS_URL"} <= set(services[name]["environment"])


def _commands() -> dict[str, argparse.ArgumentParser]:
    """The program's own parsers by command."""
    root: argparse.ArgumentParser = importlib.import_module("chatwatt.cli").parser()
    return next(action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction))


def test_every_command_has_its_row_and_no_row_is_stale() -> None:
    """docs/reference/commands.md lists exactly the commands that the program has."""
    rows = re.findall(r"^\| `chatwatt ([a-z-]+)[^`]*` \|", COMMANDS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == set(_commands())


def test_every_option_of_a_command_is_on_its_page() -> None:
    """Each option stands in the section or the row of its command."""
    page = COMMANDS_PAGE.read_text(encoding="utf-8")
    missing = [
        f"chatwatt {name} {option}"
        for name, command in _commands().items()
        for option in command._option_string_actions
        if option not in {"-h", "--help"} and f"`{option}" not in page
    ]
    assert missing == []


def test_a_fresh_interpreter_can_start_the_command() -> None:
    """`python -m chatwatt --help` answers, so no import hides behind what tests have already loaded."""
    words = [sys.executable, "-m", "chatwatt", "--help"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert "demo" in result.stdout


def test_every_command_is_found_by_its_name_alone() -> None:
    """The table that says which module holds a command is right: each is there without importing the others."""
    cli = importlib.import_module("chatwatt.cli")
    for name in cli.COMMANDS:
        root = cli.parser([name])
        choices = next(action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction))
        assert name in choices
    assert set(cli.COMMANDS) == set(_commands())


def test_the_page_of_notices_is_what_the_catalogues_say() -> None:
    """N1: whoever reviews what people are told reads the texts themselves; `make notices` writes them anew."""
    assert notice_page.PAGE.read_text(encoding="utf-8") == notice_page.page()
    assert {key.split(".")[1] for key in notice_page.named()} >= set(NoticeKind) - {NoticeKind.PAYMENT_THREAD}
