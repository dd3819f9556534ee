"""The `chatwatt` command: picks a sub-command, runs it on the fast loop, and puts trouble in the person's words."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from bot.texts import language_for, trouble_text
from chatwatt import __version__, logs
from chatwatt.memory import settle_memory
from prepaid.domain.errors import Trouble

EXIT_TROUBLE = 2
EXIT_INTERRUPTED = 130

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "demo",
    "all": "roles",
    "serve": "roles",
    "worker": "roles",
    "scheduler": "roles",
    "check": "check",
    "audit": "audit",
    "reconcile": "reconcile",
    "outbox": "outbox",
    "jobs": "jobs",
    "report": "report",
    "mailouts": "mailouts",
    "contact": "contact",
    "backup": "backup",
    "restore": "restore",
    "site": "site",
    "staff": "staff",
    "import": "import_",
    "gateway": "gateway",
    "meter": "meter",
    "tariff": "tariff",
    "profile": "profile",
    "labels": "labels",
    "chat": "chat",
}
"""Each command and its module in `chatwatt.commands`. Only what is asked for is imported: chat libraries are large."""


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """All commands and their options; those of one command when `words` begin with its name."""
    root = argparse.ArgumentParser(prog="chatwatt", description="Chat-first prepaid electricity and water.")
    root.add_argument("--version", action="version", version=f"chatwatt {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = COMMANDS.get(words[0]) if words else None
    for module in dict.fromkeys(COMMANDS.values()) if asked is None else (asked,):
        import_module(f"chatwatt.commands.{module}").add(commands)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0 well, 1 the check failed, 2 trouble that is told."""
    words = sys.argv[1:] if argv is None else argv
    arguments = parser(words).parse_args(words)
    logs.configure(level=os.environ.get("CHATWATT_LOG_LEVEL", "INFO"), as_json=_json_logs())
    try:
        return _run(arguments.run(arguments))
    except Trouble as trouble:
        return _told(trouble)
    except BaseExceptionGroup as group:
        # What a part of the program refuses comes out of its task group in a wrapping.
        wrapped = _only_trouble(group)
        if wrapped is None:
            raise
        return _told(wrapped)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _told(trouble: Trouble) -> int:
    sys.stderr.write(f"chatwatt: {trouble_text(_language(), trouble)}\n")
    return EXIT_TROUBLE


def _only_trouble(group: BaseExceptionGroup[BaseException]) -> Trouble | None:
    """The first trouble in the group, unless something is in it that is none: a bug is shown whole."""
    troubles, others = group.split(Trouble)
    if troubles is None or others is not None:
        return None
    first: BaseException = troubles
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, Trouble) else None


def _run(work: Coroutine[Any, Any, int]) -> int:
    settle_memory()
    # uvloop cuts the wire's CPU by two thirds; where it is not built for, the standard loop serves.
    try:
        import uvloop  # noqa: PLC0415 - optional at run time
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _language() -> str:
    return language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")


def _json_logs() -> bool:
    return os.environ.get("CHATWATT_LOG_FORMAT", "text") == "json"
