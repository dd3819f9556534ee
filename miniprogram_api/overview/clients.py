"""Browsers that listen to one page's news: each with a small queue, and none that can hold up another (Y3)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Final

QUEUE_MOST: Final = 16
"""News that wait for one browser. What more comes is not kept: it asks for the whole page again."""
RETRY_MS: Final = 3_000


def event(kind: str, data: object = None, *, retry_ms: int = 0) -> bytes:
    """One event as it travels."""
    retry = f"retry: {retry_ms}\n" if retry_ms else ""
    body = json.dumps({} if data is None else data, ensure_ascii=False, separators=(",", ":"))
    return f"{retry}event: {kind}\ndata: {body}\n\n".encode()


AGAIN: Final = event("again", retry_ms=RETRY_MS)
"""Come again: what you have missed stands in the page."""
OVER: Final = event("over")
"""The session has ended, or the rights have."""
BEAT: Final = b": beat\n\n"


class Client:
    """One browser. Whoever tells it something never waits for it."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.ended = False
        self._waiting: deque[bytes] = deque()
        self._has_news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How much it has not taken yet."""
        return len(self._waiting)

    def tell(self, news: bytes) -> None:
        """Queues an event. A browser that is too slow for it is told to come again, and nothing more."""
        if self.ended:
            return
        if len(self._waiting) >= QUEUE_MOST:
            self.end(AGAIN)
            return
        self._waiting.append(news)
        self._has_news.set()

    def end(self, word: bytes) -> None:
        """The last word; what waits is dropped for it."""
        if self.ended:
            return
        self.ended = True
        self._waiting.clear()
        self._waiting.append(word)
        self._has_news.set()

    async def next(self, within_s: float) -> bytes | None:
        """What is to be sent now, joined; None when there was nothing in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._has_news.wait()
        except TimeoutError:
            return None
        self._has_news.clear()
        news = b"".join(self._waiting)
        self._waiting.clear()
        return news


class Audience:
    """The browsers of one watch."""

    def __init__(self) -> None:
        self._clients: set[Client] = set()

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that somebody reads."""
        return frozenset(client.language for client in self._clients)

    def join(self, client: Client) -> None:
        """It hears from now on."""
        self._clients.add(client)

    def leave(self, client: Client) -> None:
        """It is gone, and so is everything that waited for it."""
        self._clients.discard(client)

    def tell(self, news: Mapping[str, bytes]) -> None:
        """Tells each in its language; the bytes are shared by all who read it."""
        for client in self._clients:
            client.tell(news[client.language])

    def end(self, word: bytes) -> None:
        """Tells all the last word."""
        for client in self._clients:
            client.end(word)
