"""What WeChat allows of messages that we begin: so many templates a day, and nobody sent too many in a row.

WeChat names no limit by the second, only answers when a minute had too many calls (45011), so ours is a cautious one of
our own, and that answer stops every process for a minute. The day's templates are counted by the day of Beijing.
Source: developers.weixin.qq.com, template messages (100,000 calls a day) and the global return codes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog

from bot.pace import Pace, WindowPace
from prepaid.domain.errors import HeldBack, TryAgain
from prepaid.domain.windows import Window
from prepaid.ports import SharedWindows

ALL_PER_S, SECOND_MS = 50, 1_010
FOR_REPLIES = 2
BULK_AT_ONCE, BULK_EVERY_MS = 5, 105
PERSON_MOST, PERSON_MS, PERSON_FOR_REPLIES = 10, 10_000, 2
TEMPLATES_A_DAY = 100_000
"""An account with more followers may send more, and can be given more."""
FOR_PROMPT = 5_000
"""Of the day's templates, those that news which somebody waits for has to itself."""
TOO_MANY_CALLS, TOO_MANY_CALLS_S = 45011, 60.0
DAY_S = 24 * 3600
BEIJING = ZoneInfo("Asia/Shanghai")
_log = structlog.get_logger()
_T = TypeVar("_T")


_REPLY = (Window("all", ALL_PER_S, SECOND_MS),)
_BULK = (Window("bulk", BULK_AT_ONCE, BULK_EVERY_MS), Window("all", ALL_PER_S, SECOND_MS, FOR_REPLIES))


def wechat_windows(chat: str, *, bulk: bool) -> tuple[Window, tuple[Window, ...]]:
    """Implements `bot.pace.Plan`."""
    own = Window(f"user:{chat}", PERSON_MOST, PERSON_MS, PERSON_FOR_REPLIES if bulk else 0)
    return own, (_BULK if bulk else _REPLY)


class WeChatPace:
    """The pace of all processes that send for one account; without `shared` that of this process."""

    def __init__(
        self,
        now: Callable[[], datetime],
        shared: SharedWindows | None = None,
        *,
        templates_a_day: int = TEMPLATES_A_DAY,
        pace: Pace | None = None,
    ) -> None:
        self._now = now
        self._shared = shared
        self._templates_a_day = templates_a_day
        self._pace = pace or WindowPace(wechat_windows, shared)

    async def call(self, user: str, send: Callable[[], Awaitable[_T]], *, bulk: bool) -> _T:
        """Sends when there is a place. Raises `HeldBack` when that is too far away, and what `send` raises."""
        await self._pace.admit(user, bulk=bulk)
        try:
            return await send()
        except TryAgain as trouble:
            if trouble.params.get("code") != TOO_MANY_CALLS:
                raise
        # The call was turned away whole, so it is ours to hold back.
        _log.warning("wechat_too_many_calls", pause_s=TOO_MANY_CALLS_S)
        await self._pace.pause(TOO_MANY_CALLS_S)
        raise HeldBack("try_again.channel", wait_s=TOO_MANY_CALLS_S, code=TOO_MANY_CALLS)

    async def template(self, user: str, send: Callable[[], Awaitable[_T]], *, bulk: bool) -> _T:
        """The same for a template message. `TryAgain` when those of the day are used up, so that others may take it."""

        async def within_the_day() -> _T:
            await self._spend(bulk=bulk)
            return await send()

        return await self.call(user, within_the_day, bulk=bulk)

    async def _spend(self, *, bulk: bool) -> None:
        if self._shared is None:
            return
        day = self._now().astimezone(BEIJING).date().isoformat()
        most = max(1, self._templates_a_day - (FOR_PROMPT if bulk else 0))
        if not await self._shared.spend(f"templates:{day}", most=most, lasts_s=2 * DAY_S):
            _log.warning("wechat_templates_used_up", day=day)
            raise TryAgain("try_again.channel")
