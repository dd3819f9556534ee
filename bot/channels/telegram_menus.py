"""The command menus of private chats and of the staff's groups, from the intents and texts of the help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from bot.conversations.groups import fits
from bot.conversations.intents import offered
from bot.conversations.vocabulary import Intent
from bot.texts import LANGUAGES, text

EVERYBODY_ELSE = "en"
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")

Menu = Sequence[tuple[str, str]]


def menus() -> Mapping[str, Menu]:
    """(command, about) lines for each language; "" is the menu of people who speak another one."""
    by_language = {language: _menu(language) for language in LANGUAGES if language != EVERYBODY_ELSE}
    return {"": _menu(EVERYBODY_ELSE), **by_language}


@cache
def group_menus() -> Mapping[str, Menu]:
    """The same for a group of the staff: what may be asked there."""
    asked = [intent for intent in offered(tenant=False, staff=True) if fits(intent)]
    by_language = {language: _lines(asked, language) for language in LANGUAGES if language != EVERYBODY_ELSE}
    return {"": _lines(asked, EVERYBODY_ELSE), **by_language}


def _menu(language: str) -> Menu:
    """A tenant's commands. Staff type theirs: a menu would tell everybody that they exist."""
    return _lines(offered(tenant=True, staff=False), language)


def _lines(asked: Sequence[Intent], language: str) -> Menu:
    names = [(intent.commands[0], intent.name) for intent in asked]
    return [(command, text(language, f"intent.{name}")) for command, name in names if _COMMAND.fullmatch(command)]
