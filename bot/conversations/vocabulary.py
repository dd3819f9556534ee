"""What an intent is: the words for one thing to ask for, who may ask, and what must come with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Audience(StrEnum):
    """Whom an intent is for."""

    ANYONE = "anyone"
    TENANT = "tenant"
    STAFF = "staff"


class Wants(StrEnum):
    """What an intent needs to know."""

    NOTHING = "nothing"
    AMOUNT = "amount"
    CODE = "code"
    ROOM = "room"
    LANGUAGE = "language"
    PAGE = "page"
    ACCOUNT = "account"
    LINE = "line"
    PERIOD = "period"
    NUMBER = "number"


A_ROOM = r"^(?:room |flat |房间)?[a-z]{0,2}-?\d[\da-z-]{0,8}(?:号房间?|房间|号|室|房)?(?:的)?\s*"
"""For hints: a sentence of the staff that begins with a room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing to ask for. `commands` are the words after a slash, alone or before an argument; the first is the name.

    `phrases` are anchored patterns over normalised text; a group `arg` holds the argument. `hints` give it away within
    a sentence that no phrase knows, and `gist` takes from it what is the argument. `of_staff` names what staff who have
    no room of their own mean by the same words.
    """

    name: str
    audience: Audience
    commands: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    wants: Wants = Wants.NOTHING
    in_help: bool = True
    gist: Callable[[str], str] | None = None
    of_staff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An intent that was recognised, with its argument as typed."""

    intent: Intent
    argument: str = ""
