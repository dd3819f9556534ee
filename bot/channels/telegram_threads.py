"""Remembers which messages show a payment thread, so that the next stage replaces them, whoever shows it.

The answer to "yes, top up" and the notices that follow are shown by different hands. What is remembered lies in the
session store; when it is lost, the thread goes on in a new message (Y2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

import structlog

from bot.conversations.parts import Part, thread_of
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

THREAD_TTL_S = 7 * 24 * 3600
"""A disputed payment may take days."""
_log = structlog.get_logger()

Put = Callable[[str | None], Awaitable[str]]


class Threads:
    """One hand at a time for each thread of each chat."""

    def __init__(self, sessions: Sessions, scope: str) -> None:
        self._sessions = sessions
        self._scope = scope
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def show(self, chat: str, parts: Sequence[Part], put: Put, *, reference: str | None) -> str:
        """Calls `put` with what shows the thread of `parts` now; returns and remembers what shows it then."""
        thread = thread_of(parts)
        if thread is None:
            return await put(reference)
        key = f"telegram:{self._scope}:thread:{chat}:{thread.thread}"
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            shown = await put(reference or await self._known(key))
            await self._remember(key, shown)
        return shown

    async def _known(self, key: str) -> str | None:
        try:
            reference = (await self._sessions.load(key)).get("reference")
        except Trouble:
            return None
        return reference if isinstance(reference, str) else None

    async def _remember(self, key: str, reference: str) -> None:
        try:
            await self._sessions.save(key, {"reference": reference}, ttl_s=THREAD_TTL_S)
        except Trouble as trouble:
            _log.warning("telegram_thread_not_remembered", trouble=trouble.key)
