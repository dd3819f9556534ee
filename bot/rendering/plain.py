"""Parts for a terminal: text, charts in Unicode blocks, numbered menus."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversations.parts import Part
from bot.rendering.capabilities import Capabilities, Charts, Means
from bot.rendering.lines import in_lines

CAPABILITIES = Capabilities(buttons=Means.NUMBERS, charts=Charts.BLOCKS, edits=False, qr_image=False, max_chars=100_000)


def render(parts: Sequence[Part]) -> str:
    """The whole reply, a blank line between parts."""
    return "\n\n".join("\n".join(block) for block in in_lines(parts))
