"""Parts for a WeChat official account: plain text of bounded length, numbered menus answered with a number.

A passive reply is one message; what does not fit goes out as further customer-service messages, so there are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.conversations.parts import Chart, Part
from bot.rendering.capabilities import Capabilities, Charts, Means, split_lines
from bot.rendering.lines import in_lines

CAPABILITIES = Capabilities(buttons=Means.NUMBERS, charts=Charts.DRAWN, edits=False, qr_image=False, max_chars=600)
"""WeChat bounds a text by 2,048 bytes of UTF-8; 600 characters of three bytes each stay inside it."""
MAX_BYTES = 2048
_TAG = re.compile("<(?=/?[A-Za-z])")
_NO_TAG = "\u2039"


def render(parts: Sequence[Part]) -> list[str]:
    """The messages to send, first one as the passive reply.

    WeChat makes a link of an `<a href>` in any text, so what somebody wrote as one is shown and cannot be pressed.
    """
    whole = _TAG.sub(_NO_TAG, "\n\n".join("\n".join(block) for block in in_lines(parts)))
    return [piece for message in split_lines(whole, CAPABILITIES.max_chars) for piece in _within_bytes(message)]


def without_bars(part: Part) -> Part:
    """A chart that goes out as a picture leaves its title and summary among the words."""
    return replace(part, points=()) if isinstance(part, Chart) else part


def _within_bytes(message: str) -> Iterator[str]:
    """The message, cut where four-byte letters make it too long after all."""
    while len(message.encode("utf-8", "replace")) > MAX_BYTES:
        head = message.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")
        yield head
        message = message[len(head) :]
    yield message
