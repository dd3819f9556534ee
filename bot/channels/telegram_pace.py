"""Keeps what we send below what Telegram allows: 30 messages a second for a bot, one a second for a chat.

Bulk notices leave room for answers to people who wait. The in-process pace serves one process; where several send with
one token, a shared one that answers the same Protocol is passed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from prepaid.domain.errors import TryAgain

ALL_PER_S = 30
BULK_PER_S = 25
CHAT_BURST = 3
CHAT_INTERVAL_S = 1.0
GROUP_INTERVAL_S = 3.0
"""Telegram allows twenty messages a minute in a group."""
MAX_CHATS = 10_000
MAX_WAIT_S = 20.0


class Pace(Protocol):
    """Says when the next message may go out."""

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Returns when a message to `chat` may be sent. Raises `TryAgain` if that is too far away."""
        ...

    async def pause(self, seconds: float) -> None:
        """Stops all sends for that long: Telegram asked for it."""
        ...


@dataclass(slots=True)
class _Bucket:
    """A token bucket kept as one instant: when it will be full again."""

    interval_s: float
    burst: int
    full_at: float = 0.0

    def wait_s(self, now: float) -> float:
        return self.full_at - (self.burst - 1) * self.interval_s - now

    def take(self, now: float) -> None:
        self.full_at = max(self.full_at, now) + self.interval_s


class LocalPace:
    """Token buckets of this process."""

    def __init__(self, *, max_wait_s: float = MAX_WAIT_S, monotonic: Callable[[], float] | None = None) -> None:
        self._max_wait_s = max_wait_s
        self._monotonic = monotonic
        self._all = _Bucket(interval_s=1 / ALL_PER_S, burst=ALL_PER_S)
        self._bulk = _Bucket(interval_s=1 / BULK_PER_S, burst=BULK_PER_S)
        self._chats: dict[str, _Bucket] = {}
        self._paused_until = 0.0

    def _now(self) -> float:
        return self._monotonic() if self._monotonic else asyncio.get_running_loop().time()

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Waits for a place in every bucket that counts for this message."""
        give_up_at = self._now() + self._max_wait_s
        while (wait_s := self._take(chat, bulk=bulk)) > 0:
            if self._now() + wait_s > give_up_at:
                raise TryAgain("try_again.channel")
            await asyncio.sleep(wait_s)

    async def pause(self, seconds: float) -> None:
        """Stops all sends for that long."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    def _take(self, chat: str, *, bulk: bool) -> float:
        """Takes a place in all buckets at once and returns 0, or takes none and says how long to wait."""
        now = self._now()
        buckets = [self._all, self._chat(chat, now), *([self._bulk] if bulk else [])]
        wait_s = max(self._paused_until - now, *(bucket.wait_s(now) for bucket in buckets))
        if wait_s > 0:
            return wait_s
        for bucket in buckets:
            bucket.take(now)
        return 0.0

    def _chat(self, chat: str, now: float) -> _Bucket:
        if chat not in self._chats:
            if len(self._chats) >= MAX_CHATS:
                self._forget_full(now)
            # Ids of groups are negative in Telegram.
            interval_s = GROUP_INTERVAL_S if chat.startswith("-") else CHAT_INTERVAL_S
            self._chats[chat] = _Bucket(interval_s=interval_s, burst=CHAT_BURST)
        return self._chats[chat]

    def _forget_full(self, now: float) -> None:
        """A full bucket says nothing that a new one would not."""
        self._chats = {chat: bucket for chat, bucket in self._chats.items() if bucket.full_at > now}


class Take(Protocol):
    """A bucket that all processes share."""

    async def __call__(self, key: str, *, count: int, period_s: int, burst: int) -> int:
        """Takes a token of `key` and returns 0, or takes none and returns the milliseconds to wait."""
        ...


class SharedPace:
    """The pace of all processes that send with one token; each also keeps its own, should the shared one be away."""

    def __init__(self, take: Take, scope: str, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self._take = take
        self._scope = scope
        self._max_wait_s = max_wait_s
        self._local = LocalPace(max_wait_s=max_wait_s)

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Waits for a place in this process, then in every shared bucket."""
        await self._local.admit(chat, bulk=bulk)
        period_s = int(GROUP_INTERVAL_S if chat.startswith("-") else CHAT_INTERVAL_S)
        await self._admit(f"chat:{chat}", count=1, period_s=period_s, burst=CHAT_BURST)
        if bulk:
            await self._admit("bulk", count=BULK_PER_S, period_s=1, burst=BULK_PER_S)
        await self._admit("all", count=ALL_PER_S, period_s=1, burst=ALL_PER_S)

    async def pause(self, seconds: float) -> None:
        """Stops this process; another one is told by Telegram itself."""
        await self._local.pause(seconds)

    async def _admit(self, key: str, *, count: int, period_s: int, burst: int) -> None:
        name = f"telegram:{self._scope}:{key}"
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._max_wait_s
        while wait_ms := await self._take(name, count=count, period_s=period_s, burst=burst):
            if loop.time() + wait_ms / 1000 > give_up_at:
                raise TryAgain("try_again.channel")
            await asyncio.sleep(wait_ms / 1000)
