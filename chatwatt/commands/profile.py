"""`chatwatt profile`: lists meter models, checks a file, explains a model in words, and simulates meters of it.

No store is needed, and nothing is changed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bot.texts import language_for, text
from chatwatt import profile_simulation
from chatwatt.profile_words import explained, listed
from chatwatt.settings import load
from meters.profile_files import Looked, Mistake, look
from meters.profiles import BLUEPRINT, load_profile, look_also_in, profile_text
from prepaid.domain.errors import Refused

SUFFIXES = (".yaml", ".yml")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("profile", help="meter models: list them, check a file, explain one")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="all models, relay boards and templates").set_defaults(run=run_list)
    check = actions.add_parser("check", help="name every mistake in a file by its line")
    check.add_argument("file", type=Path, metavar="FILE", help="the model, in YAML")
    check.set_defaults(run=run_check)
    explain = actions.add_parser("explain", help="what a model reads, how it switches, what it cannot do")
    explain.add_argument("name", metavar="NAME", help="a model's name, or a file")
    explain.set_defaults(run=run_explain)
    simulate = actions.add_parser("simulate", help="a bus of simulated meters of the model, until it is interrupted")
    profile_simulation.add(simulate)
    simulate.set_defaults(run=run_simulate)


async def run_list(arguments: argparse.Namespace) -> int:
    """Every model with what it can do, in columns that a program can read too."""
    del arguments
    look_also_in(load().profiles)
    for row in listed(_language()):
        print("\t".join(row))
    return 0


async def run_check(arguments: argparse.Namespace) -> int:
    """0 when the file is a sound model, 1 when it is not or is a template."""
    looked = _look(arguments.file)
    for mistake in looked.mistakes:
        print(_told(arguments.file.name, mistake))
    if looked.template:
        print(_say("profile_words.is_template", empty=len(looked.mistakes)))
    elif looked.device is not None:
        print(_say("profile_words.sound", name=looked.device.name, kind=looked.device.kind))
    return 0 if looked.device is not None else 1


async def run_explain(arguments: argparse.Namespace) -> int:
    """0 when it could be told; what is wrong is told as trouble."""
    look_also_in(load().profiles)
    for line in explained(_look_by_name(arguments.name), _language()):
        print(line)
    return 0


async def run_simulate(arguments: argparse.Namespace) -> int:
    """0 when it was told to end."""
    look_also_in(load().profiles)
    await profile_simulation.run(arguments, load_profile(arguments.name))
    return 0


def _look(file: Path) -> Looked:
    try:
        found = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("refused.file_unreadable", path=str(file)) from error
    # A blueprint calls itself what its copy shall be called.
    return look(found, name=None if file.stem == BLUEPRINT else file.stem)


def _look_by_name(name: str) -> Looked:
    looked = _look(Path(name)) if name.endswith(SUFFIXES) else look(profile_text(name), name=name)
    if looked.device is None and not looked.template:
        first = looked.mistakes[0]
        raise Refused("refused.profile_wrong", profile=name, line=first.line, field=first.place or "-")
    return looked


def _told(file: str, mistake: Mistake) -> str:
    why = _say(f"profile_mistake.{mistake.code}", **mistake.params)
    return f"{file}:{mistake.line}: {mistake.place or '-'}: {why}"


def _say(key: str, **params: object) -> str:
    return text(_language(), key, **params)


def _language() -> str:
    return language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
