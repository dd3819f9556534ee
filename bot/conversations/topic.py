"""A topic is one thing that people can talk about, whole, in one file of `bot.conversations.topics`.

Its words, how it begins, what answers to its questions mean, which use case it calls and how the result is shown stand
together there. A new one is a copy of `topics/_blueprint.py`; nothing has to be registered.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bot.conversations.vocabulary import Ask, Intent

if TYPE_CHECKING:
    from bot.conversations.effects import Effect
    from bot.conversations.inbound import Turn
    from bot.conversations.reply import Reply
    from bot.conversations.session import Flow, Session
    from prepaid.domain.accounts import Account
    from prepaid.usecases.find_sites import SiteLine

TOPICS = "bot.conversations.topics"

Opening = Callable[["Turn", "Session", str], "Reply"]
"""How an intent begins: asks for what is missing, or calls the use case. The last argument is what was typed."""
Step = Callable[["Turn", "Session", "Flow", str, "Ask | None"], "Reply | None"]
"""What typed words mean while a question is open; None when they are not an answer."""
Picked = Callable[["Turn", "Session", "Flow", int], "Reply | None"]
"""What the press of a question's ready answer means, by its place; None for a place that is not there."""
Confirmed = Callable[[Mapping[str, str | int]], "Effect"]
"""What a yes does, from the question's data."""
AfterFound = Callable[["Turn", "Session", "Account"], "Reply"]
"""How a staff intent goes on once its room is found."""
AfterSite = Callable[["Turn", "Session", "SiteLine", str], "Reply"]
"""How a staff intent goes on once its site is found; the last is what else was said."""
Performer = Callable[[Any, Any], Awaitable[object]]
"""Calls the effect's use case with the situation."""
Presenter = Callable[[Any, Any, "Turn", "Session"], "Reply"]
"""Puts the use case's value into parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Everything of one topic. Names of intents, steps and questions are unique in the whole program."""

    intents: tuple[Intent, ...] = ()
    openings: Mapping[str, Opening] = field(default_factory=dict)
    """By the name of the intent."""
    confirmed: Mapping[str, Confirmed] = field(default_factory=dict)
    """By the name of the question: "confirm.NAME"."""
    steps: Mapping[str, Step] = field(default_factory=dict)
    """By the name of the question."""
    picked: Mapping[str, Picked] = field(default_factory=dict)
    """By the name of the question, for one with ready answers ("pick:<number>:<place>")."""
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ready reasons (text keys) for an intent that asks why."""
    after_found: Mapping[str, AfterFound] = field(default_factory=dict)
    """By the name of the intent."""
    after_site: Mapping[str, AfterSite] = field(default_factory=dict)
    """By the name of the intent."""
    after_choice: frozenset[str] = frozenset()
    """Tenant intents that go on once an account was chosen."""
    performers: Mapping[type[Effect], Performer] = field(default_factory=dict)
    presenters: Mapping[type[Effect], Presenter] = field(default_factory=dict)


@cache
def topics() -> tuple[Topic, ...]:
    """Every topic, by the name of its file. Loaded at the first use, since topics themselves use the conversation."""
    package = import_module(TOPICS)
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))
    return tuple(import_module(f"{TOPICS}.{name}").TOPIC for name in found)
