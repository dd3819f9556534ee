"""What a sentence that no phrase knows is probably about, by the words within it that give an intent away.

A guess shows something or asks before it does anything, so that a wrong one costs a message. A find that lies within
another intent's counts for nothing: who asks when they last paid does not want to pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from bot.conversations.intents import by_name, intents, normal
from bot.conversations.vocabulary import Ask, Audience, Intent

MOST = 3
"""Where more is meant there is no guess."""
MOST_CHARS = 120
"""Who writes more tells a story, which is for people to read."""


ASKED_FIRST = frozenset({"share", "payforme"})
"""They make something at once: whether they are meant is asked."""


def guessed(text: str, *, tenant: bool, staff: bool) -> Sequence[Ask]:
    """What such a person may have meant, likeliest first, with what the intent takes from the sentence."""
    plain = normal(text)
    if len(plain) > MOST_CHARS:
        return ()
    allowed = {Audience.ANYONE} | {Audience.TENANT for _ in range(tenant)} | {Audience.STAFF for _ in range(staff)}
    found = [each for each in _finds(plain) if each[2].audience in allowed]
    whole = [each for each in found if not any(_within(each, other) for other in found)]
    meant = {intent.name: intent for _, _, intent in whole}
    if len(meant) > MOST:
        return ()
    return tuple(Ask(intent=each, argument=each.gist(plain) if each.gist else "") for each in meant.values())


def about_something_else(text: str) -> bool:
    """Whether a tenant who was asked for an amount says a sentence of another kind."""
    meant = guessed(text, tenant=True, staff=False)
    return bool(meant) and all(each.intent.name != "recharge" for each in meant)


_Find = tuple[int, int, Intent]


def _finds(plain: str) -> Iterator[_Find]:
    for name, pattern in _hints().items():
        match = pattern.search(plain)
        if match is not None:
            yield match.start(), match.end(), by_name()[name]


def _within(one: _Find, other: _Find) -> bool:
    return one[2] is not other[2] and other[0] <= one[0] and one[1] <= other[1] and one[:2] != other[:2]


@cache
def _hints() -> Mapping[str, re.Pattern[str]]:
    return {intent.name: re.compile("|".join(intent.hints)) for intent in intents() if intent.hints}
