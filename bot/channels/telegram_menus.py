"""The command menus of tenants, of the staff and of the staff's groups, from the intents and texts of the help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from bot.conversations.groups import fits
from bot.conversations.intents import offered
from bot.conversations.vocabulary import Intent
from bot.texts import LANGUAGES, text

EVERYBODY_ELSE = "en"
MOST_COMMANDS = 100
"""Telegram takes no longer menu."""
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")

Menu = Sequence[tuple[str, str]]


def menus() -> Mapping[str, Menu]:
    """(command, about) lines for each language; "" is the menu of people who speak another one.

    A tenant's commands: those of the staff would tell everybody that they exist.
    """
    return _told(offered(tenant=True, staff=False))


@cache
def group_menus() -> Mapping[str, Menu]:
    """The same for a group of the staff: what may be asked there."""
    return _told([intent for intent in offered(tenant=False, staff=True) if fits(intent)])


@cache
def staff_menus(*, rooms_too: bool) -> Mapping[str, Menu]:
    """The same for the private chat of somebody with a role, who may rent as well."""
    return _told(offered(tenant=rooms_too, staff=True))


def _told(asked: Sequence[Intent]) -> Mapping[str, Menu]:
    by_language = {language: _lines(asked, language) for language in LANGUAGES if language != EVERYBODY_ELSE}
    return {"": _lines(asked, EVERYBODY_ELSE), **by_language}


def _lines(asked: Sequence[Intent], language: str) -> Menu:
    names = [(intent.commands[0], intent.name) for intent in asked]
    lines = [(command, text(language, f"intent.{name}")) for command, name in names if _COMMAND.fullmatch(command)]
    return lines[:MOST_COMMANDS]
