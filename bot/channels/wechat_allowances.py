"""How many messages WeChat will let us send to a person: the window that their words open, and the yeses they gave.

Counted because WeChat does not tell. A count that was lost is taken for a yes, and WeChat's own refusal sets it right,
so nothing depends on it but the number of calls (Y2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

WORDS_S, WORDS_MESSAGES = 48 * 3600, 5
ACT_S, ACT_MESSAGES = 60, 3
"""A menu press, a scan or following opens less than words do."""
KEPT_S = 30 * 24 * 3600
MOST_YESES = 100
EVENTS_KEPT = 8
"""WeChat repeats an event within fifteen seconds; nobody does more than this in that time."""
_SHUT = [0, 0]
_log = structlog.get_logger()


class Allowances:
    """The counts of one official account."""

    def __init__(self, sessions: Sessions, scope: str, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._scope = scope
        self._now = now

    async def words(self, user: str, event: str) -> None:
        """The person wrote something; `event` is the key by which WeChat's repetitions are known."""
        await self._open(user, "words", WORDS_S, WORDS_MESSAGES, event)

    async def act(self, user: str, event: str) -> None:
        """The person pressed, scanned or followed."""
        await self._open(user, "act", ACT_S, ACT_MESSAGES, event)

    async def shut(self, user: str) -> None:
        """WeChat says that the window is closed, or the person has left."""
        await self._save(self._window(user), {"words": _SHUT, "act": _SHUT})

    async def has_room(self, user: str) -> bool:
        """Whether a message might go out now; counts nothing."""
        windows = await self._load(self._window(user))
        pairs = [_pair(windows.get(name)) for name in ("act", "words")]
        return not windows or any(until > self._now().timestamp() and left > 0 for until, left in pairs)

    async def take(self, user: str) -> str:
        """Counts a message; returns from which window, if any. The one that ends first is used up first."""
        windows = await self._load(self._window(user))
        now_s = self._now().timestamp()
        for name in ("act", "words"):
            until, left = _pair(windows.get(name))
            if until > now_s and left > 0:
                await self._save(self._window(user), {**windows, name: [until, left - 1]})
                return name
        return ""

    async def put_back(self, user: str, name: str) -> None:
        """Counts a message of that window as never sent."""
        windows = await self._load(self._window(user))
        until, left = _pair(windows.get(name))
        if name and until:
            await self._save(self._window(user), {**windows, name: [until, left + 1]})

    async def answered(self, user: str, template: str, event: str, *, yes: bool) -> None:
        """The person agreed to one more subscription message of this template, or wants none; once for each event."""
        known = await self._load(self._yeses(user, template))
        told = _told(known)
        if event in told:
            return
        left = min(_number(known.get("left")) + 1, MOST_YESES) if yes else 0
        await self._save(self._yeses(user, template), {"left": left, "told": [*told, event][-EVENTS_KEPT:]})

    async def refused(self, user: str, template: str) -> None:
        """WeChat says that no yes is left, whatever was counted."""
        known = await self._load(self._yeses(user, template))
        await self._save(self._yeses(user, template), {**known, "left": 0})

    async def take_yes(self, user: str, template: str) -> bool:
        """Whether there is a yes left for this template, as far as is known; uses it up."""
        known = await self._load(self._yeses(user, template))
        if not known:
            return True
        left = _number(known.get("left"))
        if left < 1:
            return False
        await self._save(self._yeses(user, template), {**known, "left": left - 1})
        return True

    async def put_back_yes(self, user: str, template: str) -> None:
        """Nothing was sent for it."""
        known = await self._load(self._yeses(user, template))
        if known:
            await self._save(self._yeses(user, template), {**known, "left": _number(known.get("left")) + 1})

    async def _open(self, user: str, name: str, lasts_s: int, messages: int, event: str) -> None:
        windows = await self._load(self._window(user))
        told = _told(windows)
        if event in told:
            return
        until = int(self._now().timestamp()) + lasts_s
        kept = {"words": _SHUT, "act": _SHUT, **windows, name: [until, messages]}
        await self._save(self._window(user), {**kept, "told": [*told, event][-EVENTS_KEPT:]})

    async def _load(self, key: str) -> Mapping[str, object]:
        try:
            return await self._sessions.load(key)
        except Trouble:
            return {}

    async def _save(self, key: str, state: Mapping[str, object]) -> None:
        try:
            await self._sessions.save(key, state, ttl_s=KEPT_S)
        except Trouble as trouble:
            _log.warning("wechat_allowance_not_kept", trouble=trouble.key)

    def _window(self, user: str) -> str:
        return f"wechat:{self._scope}:window:{user}"

    def _yeses(self, user: str, template: str) -> str:
        return f"wechat:{self._scope}:yes:{user}:{template}"


def _told(row: Mapping[str, object]) -> list[object]:
    """The events that were counted lately."""
    told = row.get("told")
    return told if isinstance(told, list) else []


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == len(_SHUT):
        return _number(value[0]), _number(value[1])
    return 0, 0


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
