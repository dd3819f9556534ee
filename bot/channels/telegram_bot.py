"""The library's bot, made so that its token shows up nowhere, and what is asked of it besides messages."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from telegram import BotCommand, BotCommandScopeAllPrivateChats, BotCommandScopeChat
from telegram.constants import ParseMode
from telegram.error import BadRequest, NetworkError
from telegram.ext import ExtBot

from bot.channels.telegram_request import MAX_ANSWER_BYTES, AiohttpRequest

API = "https://api.telegram.org"
ALLOWED_UPDATES = ("message", "callback_query")
POLL_S = 25
BATCH = 100
_FILE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,255}", re.ASCII)
_NO_PREVIEW: Mapping[str, Any] = {"link_preview_options": {"is_disabled": True}}


class QuietBot(ExtBot[None]):
    """A bot whose representation does not hold its token."""

    def __repr__(self) -> str:
        return type(self).__name__

    async def raw_updates(self, offset: int, *, poll_s: int) -> list[dict[str, Any]]:
        """Waits up to `poll_s` for updates from `offset` on, unparsed, so that an odd one cannot spoil the batch."""
        asked = {"offset": offset, "timeout": poll_s, "limit": BATCH, "allowed_updates": list(ALLOWED_UPDATES)}
        answer = await self._post("getUpdates", asked, read_timeout=poll_s + 10.0)
        batch = answer if isinstance(answer, list) else []
        return [update for update in batch if isinstance(update, dict) and isinstance(update.get("update_id"), int)]

    async def put_text(
        self, chat: str, html: str, keyboard: Sequence[Sequence[Mapping[str, object]]], *, instead_of: int | None = None
    ) -> int:
        """Sends a text, or puts it in place of a message; the number of the message that shows it.

        As plain data both ways: of the answer only the number is needed, and to build the library's objects for it
        takes longer than all the rest of a call.
        """
        call: dict[str, Any] = {"chat_id": chat, "text": html, "parse_mode": ParseMode.HTML, **_NO_PREVIEW}
        if keyboard:
            call["reply_markup"] = {"inline_keyboard": keyboard}
        if instead_of is not None:
            await self._post("editMessageText", {**call, "message_id": instead_of})
            return instead_of
        answer = await self._post("sendMessage", call)
        number = answer.get("message_id") if isinstance(answer, dict) else None
        if not isinstance(number, int):
            raise NetworkError("an answer without a message")
        return number

    async def file_bytes(self, file_id: str) -> bytes:
        """The content of a file that somebody sent, within the bounds of our transport.

        As plain data too: the library's own object would read a path of this machine if an answer named one.
        """
        answer = await self._post("getFile", {"file_id": file_id})
        path = answer.get("file_path") if isinstance(answer, dict) else None
        if not isinstance(path, str) or not _FILE_PATH.fullmatch(path) or ".." in path:
            raise NetworkError("an answer without a file")
        size = answer.get("file_size")
        if isinstance(size, int) and size > MAX_ANSWER_BYTES:
            raise BadRequest("file is too big")
        return bytes(await self.request.retrieve(f"{self.base_file_url}/{path}"))


def make_bot(token: str, *, api_base: str = API, proxy: str | None = None, timeout_s: float = 10.0) -> QuietBot:
    """A bot on our own transport. Nothing is called yet."""
    # At DEBUG the library logs the URL with the token and every text that passes.
    for name in ("telegram", "telegram.Bot", "telegram.ext.ExtBot"):
        logging.getLogger(name).setLevel(logging.WARNING)
    base = api_base.rstrip("/")
    return QuietBot(
        token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=AiohttpRequest(timeout_s=timeout_s, proxy=proxy),
        get_updates_request=AiohttpRequest(timeout_s=timeout_s, connections=2, proxy=proxy),
    )


async def set_menus(bot: QuietBot, menus: Mapping[str, Sequence[tuple[str, str]]], *, chat: int | None = None) -> None:
    """Sets the command menu of private chats, or of one `chat`, for each language. Idempotent.

    The language "" is for everybody else; a menu of nothing takes away what is there.
    """
    scope = BotCommandScopeAllPrivateChats() if chat is None else BotCommandScopeChat(chat)
    for language, commands in menus.items():
        menu = [BotCommand(name, about) for name, about in commands]
        if menu:
            await bot.set_my_commands(menu, scope=scope, language_code=language or None)
        else:
            await bot.delete_my_commands(scope=scope, language_code=language or None)
