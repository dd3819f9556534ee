"""Takes every update once, and those of one chat in order, however Telegram delivers them.

Telegram repeats an update that it believes lost and posts up to forty at once. What was handled is remembered here and
in the session store, so that a restart does not answer twice; a lost memory costs a repeated answer, never truth.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

REMEMBERED = 10_000
SEEN_TTL_S = 24 * 3600
"""Telegram keeps an update for a day at most."""
LANE_SIZE = 20
MAX_LANES = 2_000
CONCURRENT = 64
_log = structlog.get_logger()

Update = dict[str, Any]


class Seen:
    """Which updates were handled already."""

    def __init__(self, sessions: Sessions, scope: str) -> None:
        self._sessions = sessions
        self._scope = scope
        self._recent: OrderedDict[int, None] = OrderedDict()

    def first_here(self, update_id: int) -> bool:
        """Whether this process sees the update for the first time; notes it."""
        if update_id in self._recent:
            return False
        self._recent[update_id] = None
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return True

    def forget_here(self, update_id: int) -> None:
        """Takes the note back: the update could not be queued and may come again."""
        self._recent.pop(update_id, None)

    async def handled_before(self, update_id: int) -> bool:
        """Whether an earlier process handled it. A store that cannot say is taken for a no."""
        try:
            return bool(await self._sessions.load(self._key(update_id)))
        except Trouble:
            return False

    async def handled(self, update_id: int) -> None:
        """Remembers the update beyond this process."""
        try:
            await self._sessions.save(self._key(update_id), {"handled": True}, ttl_s=SEEN_TTL_S)
        except Trouble as trouble:
            _log.warning("telegram_update_not_remembered", update_id=update_id, trouble=trouble.key)

    def _key(self, update_id: int) -> str:
        return f"telegram:{self._scope}:update:{update_id}"


class Lanes:
    """One bounded queue for each chat that has something waiting; a lane lives as long as it has work."""

    def __init__(self, handle: Callable[[Update], Awaitable[None]], *, lane_size: int = LANE_SIZE) -> None:
        self._handle = handle
        self._lane_size = lane_size
        self._lanes: dict[str, deque[tuple[Update, asyncio.Future[None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(CONCURRENT)

    def put(self, chat: str, update: Update) -> asyncio.Future[None] | None:
        """Queues an update; the future ends when it was handled. None when there is no room."""
        lane = self._lanes.get(chat)
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                return None
            lane = self._lanes[chat] = deque()
            self._start(chat, lane)
        if len(lane) >= self._lane_size:
            return None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.append((update, done))
        return done

    async def close(self, *, within_s: float) -> None:
        """Lets the lanes finish, but not for longer than that."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, chat: str, lane: deque[tuple[Update, asyncio.Future[None]]]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(chat, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, chat: str, lane: deque[tuple[Update, asyncio.Future[None]]]) -> None:
        try:
            while lane:
                update, done = lane[0]
                async with self._places:
                    await self._handle(update)
                lane.popleft()
                if not done.done():
                    done.set_result(None)
        finally:
            # No await stands between the last look at the lane and its removal, so nothing is queued into a dead lane.
            del self._lanes[chat]
            for _, done in lane:
                done.cancel()
