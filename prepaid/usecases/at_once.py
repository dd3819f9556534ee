"""Many questions to the store, a few at a time: the store works on some while we work on the others' answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

FEW = 4


async def at_once(items: Iterable[T], ask: Callable[[T], Awaitable[R]], *, few: int = FEW) -> AsyncIterator[R]:
    """The answers in the order of the items; at most `few` questions are under way, and none is left behind."""
    waiting: deque[asyncio.Future[R]] = deque()
    try:
        for item in items:
            waiting.append(asyncio.ensure_future(ask(item)))
            if len(waiting) >= few:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for each in waiting:
            each.cancel()
        for each in waiting:
            with suppress(asyncio.CancelledError, Exception):
                await each
