"""The Telegram channel: hears people in private chats, answers them, and carries notices to them.

It knows the transport only: what is said is the conversation's business, how it looks the renderer's. What is said in a
group is heard as not private, and the conversation shows nobody's balance there unless it is a group of the staff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

import structlog
from aiohttp import web
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram_bot import ALLOWED_UPDATES, API, POLL_S, make_bot
from bot.channels.telegram_heard import Heard, chat_of, read
from bot.channels.telegram_intake import Unreachable, Webhook, persist, poll, unless
from bot.channels.telegram_menu_keeper import ChatsOfStaff, MenuKeeper
from bot.channels.telegram_menus import Menu, menus
from bot.channels.telegram_pace import TelegramPace
from bot.channels.telegram_presses import Presses
from bot.channels.telegram_show import Screens
from bot.channels.telegram_threads import Threads
from bot.channels.telegram_trouble import file_trouble_of
from bot.channels.telegram_updates import Lanes, Seen
from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part
from bot.pace import Pace
from bot.texts import text
from prepaid.domain.errors import Trouble, TryAgain
from prepaid.ports import Sessions

WEBHOOK_PATH = "/telegram/updates"
HANDLE_S = 60.0
"""No update occupies its lane for longer."""
SHOW_S = 25.0
"""Shorter than the lease on a row of the outbox, so that no two processes carry one notice."""
DRAIN_S = 5.0
MAX_CONNECTIONS = 40
_log = structlog.get_logger()


class Mode(StrEnum):
    """How updates come in."""

    POLLING = "polling"
    WEBHOOK = "webhook"


class Conversation(Protocol):
    """What the channel needs of the conversation."""

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        """The answer to what was heard."""
        ...


class TelegramChannel:
    """One bot. `run` it in a task of its own; in webhook mode also serve its `routes`.

    `webhook_url` is the public address of `WEBHOOK_PATH`; `webhook_secret` is 1-256 of `[A-Za-z0-9_-]`. `menu_lines`
    replaces the command menus of private chats; `staff` are those whose own menus are kept.
    """

    def __init__(
        self,
        conversation: Conversation,
        sessions: Sessions,
        *,
        token: str,
        api_base: str = API,
        mode: Mode = Mode.POLLING,
        webhook_url: str = "",
        webhook_secret: str = "",
        menu_lines: Mapping[str, Menu] | None = None,
        pace: Pace | None = None,
        proxy: str | None = None,
        poll_s: int = POLL_S,
        timeout_s: float = 10.0,
        unreachable: Unreachable | None = None,
        staff: ChatsOfStaff | None = None,
        menus_unreachable: Unreachable | None = None,
    ) -> None:
        if mode is Mode.WEBHOOK and not (webhook_url and webhook_secret):
            raise ValueError("webhook mode needs a public URL and a secret")
        self._conversation = conversation
        self._bot = make_bot(token, api_base=api_base, proxy=proxy, timeout_s=timeout_s)
        self._presses = Presses(sessions, token)
        self._screens = Screens(self._bot, pace or TelegramPace(), self._presses)
        # The first half of a token is the bot's public id.
        scope = token.split(":", maxsplit=1)[0]
        self._seen = Seen(sessions, scope)
        self._threads = Threads(sessions, scope)
        self._lanes = Lanes(self._handle)
        self._mode = mode
        self._webhook_url = webhook_url
        self._webhook_secret = webhook_secret
        private = menus() if menu_lines is None else menu_lines
        self._menus = MenuKeeper(
            self._bot, sessions, scope, private=private, staff=staff, unreachable=menus_unreachable
        )
        self._poll_s = poll_s
        self._unreachable = unreachable or Unreachable()
        self._username = ""

    @property
    def ready(self) -> bool:
        """Whether the bot has introduced itself to Telegram."""
        return bool(self._username)

    def routes(self) -> list[web.RouteDef]:
        """The webhook; none when polling."""
        if self._mode is Mode.POLLING:
            return []
        return [web.post(WEBHOOK_PATH, Webhook(self._accept, self._webhook_secret, is_open=lambda: self.ready).handle)]

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Carries a notice, in place of `reference` if it still can be edited. Raises `Refused` or `TryAgain`."""
        try:
            async with asyncio.timeout(SHOW_S):
                return await self._show(user, parts, reference=reference, bulk=bulk)
        except TimeoutError:
            raise TryAgain("try_again.channel", kind="TimeoutError") from None

    async def fetch(self, reference: str) -> bytes:
        """The content of what somebody sent. Raises `Refused` for what is gone or too large, else `TryAgain`."""
        trouble: Trouble
        try:
            return await self._bot.file_bytes(reference)
        except BadRequest as error:
            trouble = file_trouble_of(error)
        except TelegramError as error:
            trouble = TryAgain("try_again.file", kind=type(error).__name__)
        # Raised outside the handler: the library's own words may hold the token.
        raise trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop`. Telegram being away, at the start or later, is only waited for."""
        try:
            await persist(stop, self._unreachable, self._open)
            await unless(stop, self._menus.offer())
            async with asyncio.TaskGroup() as group:
                group.create_task(self._menus.keep(stop))
                group.create_task(self._listen(stop))
        finally:
            self._username = ""
            await self._lanes.close(within_s=DRAIN_S)
            await self._screens.close()
            await self._bot.shutdown()

    async def _open(self) -> None:
        await self._bot.initialize()
        self._username = self._bot.username
        if self._mode is Mode.WEBHOOK:
            await self._bot.set_webhook(
                self._webhook_url,
                secret_token=self._webhook_secret,
                allowed_updates=ALLOWED_UPDATES,
                max_connections=MAX_CONNECTIONS,
            )
        else:
            await self._bot.delete_webhook()
        _log.info("telegram_open", mode=self._mode)

    async def _listen(self, stop: asyncio.Event) -> None:
        if self._mode is Mode.POLLING:
            await poll(self._bot, self._accept, stop, self._unreachable, poll_s=self._poll_s)
        else:
            await stop.wait()

    def _accept(self, update: dict[str, Any]) -> asyncio.Future[None] | None:
        update_id: int = update["update_id"]
        chat = chat_of(update)
        if chat is None or not self._seen.first_here(update_id):
            return _nothing_to_do()
        done = self._lanes.put(chat, update)
        if done is None:
            self._seen.forget_here(update_id)
            _log.warning("telegram_no_room", update_id=update_id)
        return done

    async def _handle(self, update: dict[str, Any]) -> None:
        """Handles one update to its end, whatever happens: an odd one must not stop its chat."""
        update_id: int = update["update_id"]
        if await self._seen.handled_before(update_id):
            return
        try:
            async with asyncio.timeout(HANDLE_S):
                await self._answer(update)
        except Trouble as trouble:
            _log.warning("telegram_answer_lost", update_id=update_id, trouble=trouble.key)
        except Exception as error:  # noqa: BLE001  the line between one update and the service; counted and logged
            _log.error("telegram_update_failed", update_id=update_id, kind=type(error).__name__)
        await self._seen.handled(update_id)

    async def _answer(self, update: dict[str, Any]) -> None:
        heard = await self._opened(read(update, username=self._username))
        if heard is None:
            return
        # The sign that waits on a pressed button goes away while the answer is being made.
        answering = asyncio.ensure_future(self._screens.answer_press(heard.press_id))
        try:
            parts = await self._conversation.hear(heard.inbound)
        finally:
            await answering
        if parts:
            await self._show(heard.chat, parts, reference=None, bulk=False, owner=heard.inbound.user)

    async def _opened(self, heard: Heard | None) -> Heard | None:
        """With what a pressed button means. One that means nothing is answered at the button and goes no further."""
        if heard is None or heard.press_id is None:
            return heard
        inbound = heard.inbound
        pressed = await self._presses.open(inbound.user, inbound.action or "")
        if pressed.action is not None:
            return replace(heard, inbound=replace(inbound, action=pressed.action))
        why = "group.not_yours" if pressed.foreign else "flow.stale_button"
        await self._screens.answer_press(heard.press_id, text(inbound.language, why))
        return None

    async def _show(
        self, chat: str, parts: Sequence[Part], *, reference: str | None, bulk: bool, owner: str | None = None
    ) -> str:
        def put(known: str | None) -> Awaitable[str]:
            return self._screens.show(chat, parts, reference=known, bulk=bulk, owner=owner)

        return await self._threads.show(chat, parts, put, reference=reference)


def _nothing_to_do() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done
