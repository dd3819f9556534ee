"""What a channel can show, declared, and what stands in for what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

BARS = " ▁▂▃▄▅▆▇█"


class Means(StrEnum):
    """How buttons reach a person."""

    INLINE = "inline"
    NUMBERS = "numbers"


class Charts(StrEnum):
    """How a chart reaches a person."""

    DRAWN = "drawn"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """One channel's means. `max_chars` bounds one message; longer replies are split between lines."""

    buttons: Means
    charts: Charts
    edits: bool
    qr_image: bool
    max_chars: int


FALLBACKS: Mapping[str, str] = {
    "buttons": "numbered lines and a hint to answer with the number",
    "file": "its caption and name; what it says is told in the parts beside it",
    "link": "its label and the address as text, which every chat makes a link of",
    "chart": "one line of block characters with the highest and the total figure",
    "pay_qr": "the payment link as text",
    "thread": "the whole thread again as a new message",
    "list": "one line for each entry, pressable entries numbered",
}
"""What each part becomes where the channel lacks the means for it."""


def blocks(values: tuple[int, ...]) -> str:
    """A bar for each value, scaled to the highest; zero is a blank."""
    top = max(values, default=0)
    if top <= 0:
        return BARS[0] * len(values)
    last = len(BARS) - 1
    return "".join(BARS[0 if value <= 0 else max(1, -(-value * last // top))] for value in values)


def split_lines(text: str, max_chars: int) -> list[str]:
    """Cuts a text into messages of at most `max_chars`, between lines where it can."""
    messages: list[str] = []
    current = ""
    for line in text.split("\n"):
        whole = line
        while len(whole) > max_chars:
            messages += [current] * bool(current) + [whole[:max_chars]]
            current, whole = "", whole[max_chars:]
        joined = f"{current}\n{whole}" if current else whole
        if len(joined) > max_chars:
            messages.append(current)
            joined = whole
        current = joined
    return [*messages, current] if current or not messages else messages
