"""Parts for a WeChat official account: plain text of bounded length, numbered menus answered with a number.

A passive reply is one message; what does not fit goes out as further customer-service messages, so there are few.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversations.parts import Part
from bot.rendering.capabilities import Capabilities, Charts, Means, split_lines
from bot.rendering.lines import in_lines

CAPABILITIES = Capabilities(buttons=Means.NUMBERS, charts=Charts.BLOCKS, edits=False, qr_image=False, max_chars=600)
"""WeChat bounds a text by 2,048 bytes of UTF-8; 600 characters of three bytes each stay inside it."""


def render(parts: Sequence[Part]) -> list[str]:
    """The messages to send, first one as the passive reply."""
    whole = "\n\n".join("\n".join(block) for block in in_lines(parts))
    return split_lines(whole, CAPABILITIES.max_chars)
