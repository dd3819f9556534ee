"""The page of what a tenant can say, and the bot: every word that the page promises is read as it says."""

from __future__ import annotations

import re

from bot.conversations.intents import intents, read
from bot.conversations.vocabulary import Audience
from tests.house import ROOT

PAGE = ROOT / "docs" / "reference" / "chat.md"
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<commands>[^|]+) \| (?P<words>[^|]+) \|", re.MULTILINE)
_WORD = re.compile(r"`([^`]+)`")


def test_every_intent_of_a_tenant_has_its_row_and_no_row_is_stale() -> None:
    """The page names each intent that a tenant is offered, with all of its commands."""
    offered = [intent for intent in intents() if intent.audience is not Audience.STAFF and intent.in_help]
    rows = {row["name"]: tuple(_WORD.findall(row["commands"])) for row in _ROW.finditer(PAGE.read_text("utf-8"))}
    assert rows == {intent.name: intent.commands for intent in offered}


def test_every_example_is_understood_as_its_row_says() -> None:
    """FEATURES T3: plain words that the page promises, in both languages, mean what it says."""
    missed = [
        (row["name"], words)
        for row in _ROW.finditer(PAGE.read_text("utf-8"))
        for words in _WORD.findall(row["words"])
        if (ask := read(words)) is None or ask.intent.name != row["name"]
    ]
    assert missed == []
