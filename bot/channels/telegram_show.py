"""Puts rendered messages on a Telegram screen: new ones, or in place of those that a reference names.

A reference is "12,13+14": the ids of the texts, then those of photographs and documents. When a thread moves on, its
texts are edited and a QR code that is no longer to be paid is taken away.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import segno
import structlog
from telegram import InputFile
from telegram import Message as Sent
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram_bot import QuietBot
from bot.channels.telegram_presses import Presses
from bot.channels.telegram_request import Flooded
from bot.channels.telegram_trouble import is_unchanged, is_uneditable, trouble_of
from bot.conversations.parts import Chart, File, Part, PayQR
from bot.pace import Pace
from bot.rendering.painter import Painter
from bot.rendering.telegram_html import Key, Message, caption, render
from prepaid.domain.errors import Trouble, TryAgain

TRIES = 3
MODULE_PX = 8
_log = structlog.get_logger()
_T = TypeVar("_T")
Keyboard = Sequence[Sequence[Mapping[str, object]]]
Ready = tuple[str, Keyboard]
"""The HTML of one message and what can be pressed under it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The messages that show something now."""

    texts: tuple[int, ...] = ()
    photos: tuple[int, ...] = ()

    def __str__(self) -> str:
        texts = ",".join(map(str, self.texts))
        return f"{texts}+{','.join(map(str, self.photos))}" if self.photos else texts


def read_reference(text: str | None) -> Reference:
    """Reads what `str(Reference)` wrote; anything else names no message."""
    texts, _, photos = (text or "").partition("+")
    try:
        return Reference(_ids(texts), _ids(photos))
    except ValueError:
        return Reference()


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


def _is_private(chat: str) -> bool:
    """Groups and channels have numbers below zero."""
    return not chat.startswith(("-", "@"))


def qr_png(uri: str) -> bytes:
    """The payment code as a picture that a phone reads from a screen."""
    picture = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(picture, kind="png", scale=MODULE_PX, border=4)
    return picture.getvalue()


class Screens:
    """Sends and edits within the pace; Telegram's refusals leave as our own trouble."""

    def __init__(self, bot: QuietBot, pace: Pace, presses: Presses | None = None) -> None:
        self._bot = bot
        self._presses = presses
        self._pace = pace
        self._painter = Painter()

    async def close(self) -> None:
        """Ends what draws for it."""
        await self._painter.close()

    async def show(
        self, chat: str, parts: Sequence[Part], *, reference: str | None, bulk: bool, owner: str | None = None
    ) -> str:
        """Shows `parts` instead of what `reference` names; its buttons are `owner`'s. Raises `Refused` or `TryAgain`.

        A private chat is its person's, so its buttons are; those of a notice to a group are anybody's.
        """
        trouble: Trouble
        try:
            messages = [(message.html, await self._keyboard(chat, owner or chat, message)) for message in render(parts)]
            return str(await self._show(chat, messages, parts, read_reference(reference), bulk=bulk))
        except TelegramError as error:
            trouble = trouble_of(error)
        # Raised outside the handler: the library's own words may hold the token.
        raise trouble

    async def answer_press(self, press_id: str | None, text: str | None = None) -> None:
        """Takes the waiting sign from a pressed button, if one was pressed. An old press is not worth any trouble."""
        if press_id is None:
            return
        kind = ""
        try:
            await self._bot.answer_callback_query(press_id, text=text)
        except TelegramError as error:
            kind = type(error).__name__
        if kind:
            _log.info("telegram_press_unanswered", kind=kind)

    async def _keyboard(self, chat: str, owner: str, message: Message) -> Keyboard:
        return [[{"text": key.text, **await self._act(chat, owner, key)} for key in row] for row in message.keyboard]

    async def _act(self, chat: str, owner: str, key: Key) -> Mapping[str, object]:
        """What the button does. Pages are opened inside private chats alone: Telegram takes them nowhere else."""
        if not key.url:
            return {"callback_data": await self._data(owner, key)}
        return {"web_app": {"url": key.url}} if key.page and _is_private(chat) else {"url": key.url}

    async def _data(self, owner: str, key: Key) -> str:
        return key.callback_data if self._presses is None else await self._presses.seal(owner, key.callback_data)

    async def _show(
        self, chat: str, messages: Sequence[Ready], parts: Sequence[Part], old: Reference, *, bulk: bool
    ) -> Reference:
        texts: list[int] = []
        for place, message in enumerate(messages):
            known = old.texts[place] if place < len(old.texts) else None
            texts.append(await self._put(chat, message, known, bulk=bulk))
        extras = [part for part in parts if isinstance(part, PayQR | Chart | File)]
        photos = old.photos if len(extras) == len(old.photos) else await self._extras(chat, extras, bulk=bulk)
        await self._take_away(chat, {*old.texts, *old.photos} - {*texts, *photos})
        return Reference(tuple(texts), photos)

    async def _put(self, chat: str, message: Ready, known: int | None, *, bulk: bool) -> int:
        if known is not None:
            try:
                await self._paced(chat, lambda: self._text(chat, message, known), bulk=bulk)
            except TelegramError as error:
                if not is_unchanged(error) and not is_uneditable(error):
                    raise
                if is_unchanged(error):
                    return known
            else:
                return known
        return await self._paced(chat, lambda: self._text(chat, message), bulk=bulk)

    async def _text(self, chat: str, message: Ready, known: int | None = None) -> int:
        html, keyboard = message
        return await self._bot.put_text(chat, html, keyboard, instead_of=known)

    async def _extras(self, chat: str, extras: Sequence[PayQR | Chart | File], *, bulk: bool) -> tuple[int, ...]:
        return tuple([await self._extra(chat, extra, bulk=bulk) for extra in extras])

    async def _extra(self, chat: str, extra: PayQR | Chart | File, *, bulk: bool) -> int:
        """What takes a message of its own: a code or a chart as a photograph, a file as a document."""
        send: Callable[[], Awaitable[Sent]]
        if isinstance(extra, File) and extra.is_picture:
            send = partial(self._photo_or_file, chat, extra)
        elif isinstance(extra, File):
            document = InputFile(extra.content(), filename=extra.name)
            send = partial(self._bot.send_document, chat, document, caption=caption(extra) or None)
        elif isinstance(extra, Chart):
            send = partial(self._bot.send_photo, chat, await self._painter.png(extra), caption=caption(extra))
        else:
            picture = await asyncio.to_thread(qr_png, extra.uri)
            send = partial(self._bot.send_photo, chat, picture, caption=caption(extra))
        return (await self._paced(chat, send, bulk=bulk)).message_id

    async def _photo_or_file(self, chat: str, file: File) -> Sent:
        """A picture as a photograph; one of a shape that Telegram takes for no photograph as a file."""
        content, under = file.content(), caption(file) or None
        try:
            return await self._bot.send_photo(chat, InputFile(content, filename=file.name), caption=under)
        except BadRequest:
            _log.info("telegram_no_photograph", size_bytes=len(content))
        return await self._bot.send_document(chat, InputFile(content, filename=file.name), caption=under)

    async def _take_away(self, chat: str, ids: set[int]) -> None:
        for message_id in sorted(ids):
            kind = ""
            try:
                await self._bot.delete_message(chat, message_id)
            except TelegramError as error:
                # A message that stays is untidy, not wrong.
                kind = type(error).__name__
            if kind:
                _log.info("telegram_message_stays", kind=kind)

    async def _paced(self, chat: str, call: Callable[[], Awaitable[_T]], *, bulk: bool) -> _T:
        """Makes a call when the pace allows; when Telegram asks for silence, every sender is silent."""
        for _ in range(TRIES):
            await self._pace.admit(chat, bulk=bulk)
            try:
                return await call()
            except Flooded as flooded:
                pause_s = flooded.retry_after_s
            _log.warning("telegram_flooded", pause_s=pause_s)
            await self._pace.pause(pause_s)
        raise TryAgain("try_again.channel")
