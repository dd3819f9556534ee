"""Keeps the command menus at Telegram as they should be: of private chats, and of each group of the staff.

What should be is compared with what was last put there, at the start, when a group is bound or let go, and now and
then; whatever Telegram did not take is put again after a while. What was put is remembered in the session store; when
that is lost, it is put once more, which changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.channels.telegram_bot import QuietBot, set_menus
from bot.channels.telegram_intake import Unreachable, unless
from bot.channels.telegram_menus import Menu, group_menus
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions, Waiter

LOOK_EVERY_S = 900.0
LAST_BACKOFF_S = 300.0
REMEMBERED_S = 90 * 24 * 3600
MOST_GROUPS = 400
"""What is remembered of so many fits into a session."""
_log = structlog.get_logger()


class StaffGroups(Protocol):
    """The groups of this channel."""

    async def bound(self) -> frozenset[str]:
        """The numbers of those that are bound to a place. Raises `Trouble`."""
        ...

    def changes(self) -> AbstractAsyncContextManager[Waiter]:
        """Is woken when one is bound or let go."""
        ...


class MenuKeeper:
    """The menus of one bot. `offer` puts those of private chats; `keep` does the rest and mends what failed."""

    def __init__(
        self,
        bot: QuietBot,
        sessions: Sessions,
        scope: str,
        *,
        private: Mapping[str, Menu],
        groups: StaffGroups | None,
        unreachable: Unreachable | None = None,
    ) -> None:
        self._bot, self._sessions = bot, sessions
        self._key = f"telegram:{scope}:menus"
        self._private, self._groups = private, groups
        self._unreachable = unreachable or Unreachable(last_s=LAST_BACKOFF_S)
        self._offered = False

    async def offer(self) -> None:
        """Those of private chats. Those of the last start are still there, so trouble with them stops nothing."""
        kind = ""
        try:
            await set_menus(self._bot, self._private)
            self._offered = True
        except (BadRequest, Forbidden) as error:
            # Another try would be refused as well.
            kind, self._offered = type(error).__name__, True
        except TelegramError as error:
            kind = type(error).__name__
        if kind:
            _log.warning("telegram_menus_not_set", kind=kind)

    async def keep(self, stop: asyncio.Event) -> None:
        """Until `stop`; without groups only until those of private chats are there."""
        if self._groups is None:
            while not self._offered and not stop.is_set():
                await unless(stop, asyncio.sleep(await self._round((), {})))
            return
        async with self._groups.changes() as changed:
            while not stop.is_set():
                await unless(stop, changed.wait(await unless(stop, self._look()) or LOOK_EVERY_S))

    async def _look(self) -> float:
        """Puts what is missing and takes away what is too much; the seconds until the next look."""
        try:
            bound = await self._groups.bound() if self._groups is not None else frozenset[str]()
            known = await self._sessions.load(self._key)
        except Trouble as trouble:
            _log.warning("telegram_groups_unknown", trouble=trouble.key)
            return LAST_BACKOFF_S
        shown = {group: menu for group, menu in known.items() if isinstance(menu, str)}
        before = dict(shown)
        try:
            return await self._round(sorted(bound)[:MOST_GROUPS], shown)
        finally:
            if shown != before:
                await self._remember(shown)

    async def _round(self, bound: Sequence[str], shown: dict[str, str]) -> float:
        """Changes `shown` with what is at Telegram."""
        wanted = _digest(group_menus())
        try:
            if not self._offered:
                await set_menus(self._bot, self._private)
                self._offered = True
            for group in bound:
                if shown.get(group) != wanted:
                    await self._put(group, group_menus())
                    shown[group] = wanted
            for group in sorted(shown.keys() - set(bound)):
                await self._put(group, dict.fromkeys(group_menus(), ()))
                del shown[group]
        except TelegramError as error:
            return self._unreachable.failed(error)
        self._unreachable.answered()
        return LOOK_EVERY_S

    async def _put(self, group: str, menus: Mapping[str, Menu]) -> None:
        """A group that is gone, or threw us out, counts as done: another try would be refused as well."""
        kind = ""
        try:
            await set_menus(self._bot, menus, chat=int(group))
        except (BadRequest, Forbidden) as error:
            kind = type(error).__name__
        if kind:
            _log.info("telegram_group_menu_refused", kind=kind)

    async def _remember(self, shown: Mapping[str, str]) -> None:
        try:
            await self._sessions.save(self._key, shown, ttl_s=REMEMBERED_S)
        except Trouble as trouble:
            _log.warning("telegram_menus_not_remembered", trouble=trouble.key)


def _digest(menus: Mapping[str, Menu]) -> str:
    """Another release may have other commands or words."""
    told = {language: list(map(list, menu)) for language, menu in menus.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
