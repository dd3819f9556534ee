"""What the stage answers for each topic, one file each: `ANSWERS` by effect, `SCRIPTS` of its transcripts, `RIGHTS`.

`RIGHTS` are the topic's rows of the permission matrix (`tests.fakes.rights`).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from tests.fakes.rights import Right

Script = tuple[tuple[str, str], ...]
Answer = Callable[[Any, str, Any], Any]
"""Of the stage, the user and the effect: the use case's value, or trouble raised."""


@cache
def _modules() -> tuple[Any, ...]:
    return tuple(import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))


def answers() -> Mapping[type, Answer]:
    """Every topic's answers."""
    return {kind: answer for module in _modules() for kind, answer in module.ANSWERS.items()}


def scripts() -> Mapping[str, Script]:
    """Every topic's scripts, by the name of the intent."""
    return {name: script for module in _modules() for name, script in module.SCRIPTS.items()}


def rights() -> tuple[Right, ...]:
    """Every topic's rows of the permission matrix."""
    return tuple(right for module in _modules() for right in getattr(module, "RIGHTS", ()))
