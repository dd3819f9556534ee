"""The command menu of private chats, from the same intents and texts as the conversation's help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.conversations.intents import offered
from bot.texts import LANGUAGES, text

EVERYBODY_ELSE = "en"
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")

Menu = Sequence[tuple[str, str]]


def menus() -> Mapping[str, Menu]:
    """(command, about) lines for each language; "" is the menu of people who speak another one."""
    by_language = {language: _menu(language) for language in LANGUAGES if language != EVERYBODY_ELSE}
    return {"": _menu(EVERYBODY_ELSE), **by_language}


def _menu(language: str) -> Menu:
    """A tenant's commands. Staff type theirs: a menu would tell everybody that they exist."""
    names = [(intent.commands[0], intent.name) for intent in offered(tenant=True, staff=False)]
    return [(command, text(language, f"intent.{name}")) for command, name in names if _COMMAND.fullmatch(command)]
