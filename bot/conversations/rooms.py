"""What of a sentence names a room and what is said besides: "102 50", "the power of 102", "102室 收现金 50元".

Which of the readings is a room only the store knows; so they are given in order, the longest first. A room whose label
has spaces or digits in it is therefore found before one that is a part of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from prepaid.domain.accounts import Account

MOST_READINGS = 12
MONEY = frozenset({"cash", "adjust", "refund", "void", "trace", "assign", "answer"})
"""Intents that go on with whatever is said besides the room."""
REASONS = frozenset({"cut", "protect", "tag", "untag", "forcecut"})
"""Intents that go on with it as a reason, which is in words."""
_BEFORE = re.compile(
    r"(?:the )?tenants? of (?:(?:the )?(?:room|flat) )?|"
    r"(?:(?:the|my) )?(?:(?:power|supply|electricity|water|meters?|balance|cash) (?:of|for|to|in|at|from) |"
    r"(?:of|for|to|in|at|from) )?(?:the )?(?:(?:room|flat|unit|apartment|shop|no|number)\b[.:]? *|#)|"
    r"(?:(?:the|my) )?(?:power|supply|electricity|water|meters?|balance|cash) (?:of|for|to|in|at|from) (?:the )?|"
    r"(?:of|for|to|in|at|from) (?:the )?|(?:房间号?|房号|用户|租户|住户|给|为|向|把|将)\s*",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s*(?:号房间?|房间|号|室|房)?(?:的)?[\s,，、:：]*")
_AT_THE_END = re.compile(
    r"(?P<besides>.+?) (?:for|from|of|to|off) (?:the )?(?:(?:room|flat|unit|shop) )?(?P<room>\S+)", re.IGNORECASE
)
_ENDS = re.compile(
    r"\s+|[,，、:：]|(?<=[\dA-Za-z])(?=(?![栋幢座楼层单区期])[\u3400-\u9fff])|(?<=[\u3400-\u9fff])(?=[\d¥+-])"
)
_NUMBERED = re.compile(r"(?<![\dA-Za-z])[A-Za-z]{0,2}-?\d[\dA-Za-z-]*")
_WORDS = re.compile(r"[\u3400-\u9fff]|[A-Za-z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a sentence."""

    room: str
    besides: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The room that was meant, and what was said besides."""

    account: Account
    besides: str = ""


def readings(said: str, then: str) -> tuple[Reading, ...]:
    """What a sentence may name, likeliest first, for the intent `then`. The first is all of it."""
    whole = said.strip()
    found = [Reading(room=whole)]
    found += [each for each in _splits(whole, then) if _fits(each.besides, then)]
    return tuple(dict.fromkeys(found))[:MOST_READINGS]


def _splits(said: str, then: str) -> Iterator[Reading]:
    plain = " ".join(unicodedata.normalize("NFKC", said).split())
    tail = _AT_THE_END.fullmatch(plain) if then in MONEY and then != "answer" else None
    if tail is not None:
        yield Reading(room=tail["room"], besides=tail["besides"])
    yield from _beginning(plain)
    before = _BEFORE.match(plain)
    if before is not None:
        yield from _beginning(plain[before.end() :])
    numbered = _NUMBERED.findall(plain)
    if then not in MONEY and len(numbered) == 1:
        yield Reading(room=numbered[0])


def _beginning(bare: str) -> Iterator[Reading]:
    """It begins with the room."""
    ends = sorted({len(bare), *(match.start() for match in _ENDS.finditer(bare))}, reverse=True)
    for end in ends:
        after = _AFTER.match(bare, end)
        besides = bare[after.end() :] if after else bare[end:]
        if bare[:end].strip():
            yield Reading(room=bare[:end].strip(), besides=besides.strip())


def _fits(besides: str, then: str) -> bool:
    """A second number is a second room where nothing is done with it: none is found rather than half of what was."""
    if then in MONEY:
        return True
    if then in REASONS:
        return not besides or _WORDS.search(besides) is not None
    return not any(char.isdigit() for char in besides)
