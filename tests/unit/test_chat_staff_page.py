"""The page of the staff's words and the program say the same."""

from __future__ import annotations

import re

from bot.conversations.intents import intents
from bot.conversations.vocabulary import Audience
from tests.fakes.rehearsed import rights
from tests.fakes.rights import BASIC, STAFF, Who
from tests.house import ROOT

PAGE = ROOT / "docs" / "reference" / "chat-staff.md"
_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| .+? \| (.+?) \|$", re.MULTILINE)
IN_WORDS = {
    "approvals": "whoever may do the thing itself",
    "decline": "whoever may do the thing itself",
    "undo": "whoever may do the thing itself",
    "letters": "anybody on the staff; mending: operator, manager, owner",
    "revoke": "manager, owner",
    "tickets": "finance, manager, owner; power that stayed away: operator too",
    "settle": "finance, manager, owner; power that stayed away: operator too",
    "photo": "whoever sees the dispute or ticket",
    "report": "anybody on the staff; finance and ranking: finance, manager, owner",
    "mailout": "anybody on the staff; finance and ranking: finance, manager, owner",
}
"""Where the right depends on what it is about; the table of rights tries one case of it."""
ORDER = (Who.VIEWER, Who.FINANCE, Who.OPERATOR, Who.MANAGER, Who.OWNER)


def _who(name: str) -> str:
    """Whoever gets through to the end of an intent: the fewest of its effects' rows."""
    if name in IN_WORDS:
        return IN_WORDS[name]
    may = min((row.may & STAFF for row in (*BASIC, *rights()) if name in row.intents), key=len)
    return "anybody on the staff" if may == STAFF else ", ".join(who for who in ORDER if who in may)


def test_the_page_names_every_word_of_the_staff_and_who_may_say_it() -> None:
    """A2: docs/reference/chat-staff.md lists the staff's intents, their words and their roles, and no other."""
    stated = {name: (words, who) for name, words, who in _ROW.findall(PAGE.read_text(encoding="utf-8"))}
    real = {
        intent.name: (", ".join(f"`{command}`" for command in intent.commands), _who(intent.name))
        for intent in intents()
        if intent.audience is Audience.STAFF
    }
    assert stated == real
