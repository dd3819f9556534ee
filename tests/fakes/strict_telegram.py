"""Telegram at its strictest, in place of the library's bot: never more than 30 in any second, and 429 for what is more.

In a chat it takes one message a second with a short burst, in a group twenty in any minute. It counts when a message
arrives, a little later than it was sent, and answers a little later still.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace

from bot.channels.telegram_request import Flooded

PER_S = 30
BURST = 3
LATENCY_S, JITTER_S = 0.030, 0.008
GROUP_PER_MIN = 20


@dataclass
class StrictTelegram:
    """What `bot.channels.telegram_show.Screens` needs of a bot."""

    rng: random.Random = field(default_factory=lambda: random.Random(5))
    taken: list[tuple[float, str, str]] = field(default_factory=list, repr=False)
    """(arrived at, chat, text) of every message that was accepted."""
    refused: list[tuple[float, str]] = field(default_factory=list)
    _arrived: list[float] = field(default_factory=list, repr=False)
    _chats: dict[str, deque[float]] = field(default_factory=dict, repr=False)

    async def send_message(self, chat: str, text: str, **_: object) -> SimpleNamespace:
        """Accepts, or asks for a second of silence. Messages may overtake one another on their way."""
        at = asyncio.get_running_loop().time() + LATENCY_S + JITTER_S * self.rng.random()
        place = bisect(self._arrived, at, lo=max(0, len(self._arrived) - 2 * PER_S))
        if self._full(chat, at, place):
            self.refused.append((at, chat))
            raise Flooded(1)
        self._arrived.insert(place, at)
        self._chats[chat].append(at)
        self.taken.append((at, chat, text))
        return SimpleNamespace(message_id=len(self.taken))

    async def put_text(self, chat: str, html: str, _keyboard: object, *, instead_of: int | None = None) -> int:
        """As the bot sends a text; these screens never edit one."""
        assert instead_of is None
        sent = await self.send_message(chat, html)
        return int(sent.message_id)

    def _full(self, chat: str, at: float, place: int) -> bool:
        most, within_s = (GROUP_PER_MIN, 60.0) if chat.startswith("-") else (BURST, 3.0)
        mine = self._chats.get(chat)
        if mine is None:
            mine = self._chats[chat] = deque(maxlen=most)
        # With this one, every thirty-one messages in a row must span a second.
        near = [*self._arrived[max(0, place - PER_S) : place], at, *self._arrived[place:]]
        spans = (later - first < 1.0 for first, later in zip(near, near[PER_S:], strict=False))
        return (len(mine) == most and mine[0] > at - within_s) or any(spans)
