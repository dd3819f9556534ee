"""Keeps what we send below what a provider allows, in this process and, over shared windows, in all of them together.

Replies go before bulk: bulk keeps away from a reserve, so a place that comes free goes to a reply that waits, in
whichever process. In each process one of each kind stands at the head and asks; the others wait behind it in order, so
that a thousand who wait cost no more questions than one. Who waits only for their own chat steps aside meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from prepaid.domain.errors import HeldBack
from prepaid.domain.windows import SlidingWindows, Window
from prepaid.ports import SharedWindows

MAX_WAIT_S = 20.0
NOTICE_WAIT_S = 8.0
"""Shorter than the outbox waits for a channel: what found no place goes back into it, untouched."""
BULK_WAIT_S = NOTICE_WAIT_S
ASIDE_MS = 2
"""Whoever had the last place asks so much later for the next one, so that processes take turns."""


_most_s: ContextVar[float] = ContextVar("the longest wait for a place", default=math.inf)


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Within it, whoever is admitted waits no longer: a row of the outbox can come again, a reply cannot."""
    token = _most_s.set(seconds)
    try:
        yield
    finally:
        _most_s.reset(token)


class Pace(Protocol):
    """Says when the next message may go out."""

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Returns when a message to `chat` may be sent. Raises `HeldBack` if that is too far away."""
        ...

    async def pause(self, seconds: float) -> None:
        """Stops all sends for that long: the provider asked for it."""
        ...


class Plan(Protocol):
    """A provider's limits."""

    def __call__(self, chat: str, *, bulk: bool) -> tuple[Window, tuple[Window, ...]]:
        """The window of that chat alone, and those of everybody."""
        ...


class WindowPace:
    """Implements `Pace` over the windows of a plan."""

    def __init__(
        self,
        plan: Plan,
        shared: SharedWindows | None = None,
        *,
        max_wait_s: float = MAX_WAIT_S,
        bulk_wait_s: float = BULK_WAIT_S,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._plan = plan
        self._shared = shared
        self._wait_s = {False: max_wait_s, True: min(bulk_wait_s, max_wait_s)}
        self._monotonic = monotonic
        self._local = SlidingWindows()
        self._heads = {False: asyncio.Lock(), True: asyncio.Lock()}
        self._aside_ms = {False: 0, True: 0}
        self._paused_until = 0.0

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """Waits for a place in every window that counts for this message."""
        own, common = self._plan(chat, bulk=bulk)
        give_up_at = self._now() + min(self._wait_s[bulk], _most_s.get())
        while True:
            own_ms = await self._at_the_head(own, common, give_up_at, bulk=bulk)
            if not own_ms:
                return
            await self._sleep(own_ms, give_up_at)

    async def pause(self, seconds: float) -> None:
        """Stops all sends for that long, in every process."""
        self._paused_until = max(self._paused_until, self._now() + seconds)
        if self._shared is not None:
            await self._shared.pause(max(1, int(seconds * 1000)))

    async def _at_the_head(self, own: Window, common: tuple[Window, ...], give_up_at: float, *, bulk: bool) -> int:
        """0 when a place was taken; otherwise the milliseconds until the chat itself has one again."""
        # Everybody in line gives up in the order in which they came, so this wait ends without a clock of its own.
        async with self._heads[bulk]:
            while True:
                paused_ms, own_ms, *common_waits = await self._take((own, *common))
                common_ms = max(paused_ms, *common_waits)
                if own_ms > common_ms or not common_ms:
                    self._aside_ms[bulk] = 0 if own_ms else ASIDE_MS
                    return own_ms
                wait_ms = common_ms + self._aside_ms[bulk]
                self._aside_ms[bulk] = 0
                await self._sleep(wait_ms, give_up_at)

    async def _sleep(self, wait_ms: int, give_up_at: float) -> None:
        if self._now() + wait_ms / 1000 > give_up_at:
            raise HeldBack("try_again.channel", wait_s=wait_ms / 1000)
        await asyncio.sleep(wait_ms / 1000)

    async def _take(self, windows: tuple[Window, ...]) -> list[int]:
        """The pause first, then the windows: the shared ones, or our own while those are away."""
        now = self._now()
        if self._paused_until > now:
            return [int((self._paused_until - now) * 1000) + 1, *(0 for _ in windows)]
        waits = await self._shared.take(windows) if self._shared is not None else None
        return waits if waits is not None else [0, *self._local.take(windows, int(now * 1000))]

    def _now(self) -> float:
        return self._monotonic() if self._monotonic else asyncio.get_running_loop().time()
