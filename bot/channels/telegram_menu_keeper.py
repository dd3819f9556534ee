"""Keeps the command menus at Telegram as they should be: of everybody, of each of the staff, and of their groups.

What should be is compared with what was last put there, at the start, when a role is given or taken, and now and
then; whatever Telegram did not take is put again after a while. What was put is remembered in the session store; when
that is lost, it is put once more, which changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.channels.telegram_bot import QuietBot, set_menus
from bot.channels.telegram_intake import Unreachable, unless
from bot.channels.telegram_menus import Menu, group_menus, staff_menus
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions, Waiter

LOOK_EVERY_S = 900.0
LAST_BACKOFF_S = 300.0
REMEMBERED_S = 90 * 24 * 3600
MOST_CHATS = 400
"""What is remembered of so many fits into a session. Groups come first."""
_log = structlog.get_logger()


class ChatsOfStaff(Protocol):
    """The chats of the staff on this channel."""

    async def rooms_too(self) -> Mapping[str, bool]:
        """The numbers of persons with a role and of bound groups; whether they rent as well. Raises `Trouble`."""
        ...

    def changes(self) -> AbstractAsyncContextManager[Waiter]:
        """Is woken when a role is given or taken."""
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
        staff: ChatsOfStaff | None,
        unreachable: Unreachable | None = None,
    ) -> None:
        self._bot, self._sessions = bot, sessions
        self._key = f"telegram:{scope}:menus"
        self._private, self._staff = private, staff
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
        """Until `stop`; without staff only until those of private chats are there."""
        if self._staff is None:
            while not self._offered and not stop.is_set():
                await unless(stop, asyncio.sleep(await self._round({}, {})))
            return
        async with self._staff.changes() as changed:
            while not stop.is_set():
                await unless(stop, changed.wait(await unless(stop, self._look()) or LOOK_EVERY_S))

    async def _look(self) -> float:
        """Puts what is missing and takes away what is too much; the seconds until the next look."""
        try:
            chats = await self._staff.rooms_too() if self._staff is not None else {}
            known = await self._sessions.load(self._key)
        except Trouble as trouble:
            _log.warning("telegram_staff_unknown", trouble=trouble.key)
            return LAST_BACKOFF_S
        wanted = {chat: _menus_of(chat, rooms_too=chats[chat]) for chat in sorted(chats)[:MOST_CHATS]}
        shown = {chat: menu for chat, menu in known.items() if isinstance(menu, str)}
        before = dict(shown)
        try:
            return await self._round(wanted, shown)
        finally:
            if shown != before:
                await self._remember(shown)

    async def _round(self, wanted: Mapping[str, Mapping[str, Menu]], shown: dict[str, str]) -> float:
        """Changes `shown` with what is at Telegram."""
        try:
            if not self._offered:
                await set_menus(self._bot, self._private)
                self._offered = True
            for chat, menus in wanted.items():
                digest = _digest(menus)
                if shown.get(chat) != digest:
                    await self._put(chat, menus)
                    shown[chat] = digest
            for chat in sorted(shown.keys() - wanted.keys()):
                await self._put(chat, dict.fromkeys(group_menus(), ()))
                del shown[chat]
        except TelegramError as error:
            return self._unreachable.failed(error)
        self._unreachable.answered()
        return LOOK_EVERY_S

    async def _put(self, chat: str, menus: Mapping[str, Menu]) -> None:
        """A chat that is gone, or threw us out, counts as done: another try would be refused as well."""
        kind = ""
        try:
            await set_menus(self._bot, menus, chat=int(chat))
        except (BadRequest, Forbidden) as error:
            kind = type(error).__name__
        if kind:
            _log.info("telegram_staff_menu_refused", kind=kind)

    async def _remember(self, shown: Mapping[str, str]) -> None:
        try:
            await self._sessions.save(self._key, shown, ttl_s=REMEMBERED_S)
        except Trouble as trouble:
            _log.warning("telegram_menus_not_remembered", trouble=trouble.key)


def _menus_of(chat: str, *, rooms_too: bool) -> Mapping[str, Menu]:
    """Telegram numbers groups below 0."""
    return group_menus() if chat.startswith("-") else staff_menus(rooms_too=rooms_too)


def _digest(menus: Mapping[str, Menu]) -> str:
    """Another release may have other commands or words."""
    told = {language: list(map(list, menu)) for language, menu in menus.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
