"""Reads one update: who said what where, and whether it is ours to answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import CallbackQuery, Chat, Message, Update, User

from bot.conversations.inbound import MAX_HEARD_CHARS, Inbound
from bot.texts.catalogue import language_for

CHANNEL = "telegram"
_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(.*)", re.DOTALL)
WHAT_ELSE = "/help"
"""What a sticker or a photograph is taken for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An update that is to be answered. `press_id` is set for a button: its waiting sign must be taken away."""

    chat: str
    inbound: Inbound
    press_id: str | None = None


def chat_of(update: dict[str, object]) -> str | None:
    """The chat whose order counts, from the raw update; None when it is of a kind that is not answered."""
    holder: object = update.get("message")
    press = update.get("callback_query")
    if isinstance(press, dict):
        holder = press.get("message")
    chat = holder.get("chat") if isinstance(holder, dict) else None
    return str(chat["id"]) if isinstance(chat, dict) and "id" in chat else None


def read(update: Update, *, username: str) -> Heard | None:
    """What was heard, or None for what is not said to us."""
    if update.callback_query is not None:
        return _read_press(update.callback_query)
    if update.message is not None:
        return _read_message(update.message, username)
    return None


def _read_press(press: CallbackQuery) -> Heard | None:
    chat = press.message.chat if press.message else None
    if chat is None or not press.data:
        return None
    # In a private chat the chat is the person, so a press can only come from the owner of the message.
    private = _is_private(chat, press.from_user)
    return Heard(
        chat=str(chat.id), inbound=_inbound(press.from_user, private=private, action=press.data), press_id=press.id
    )


def _read_message(message: Message, username: str) -> Heard | None:
    user = message.from_user
    if user is None or user.is_bot:
        return None
    private = _is_private(message.chat, user)
    text = _said(message, private=private, username=username)
    if text is None:
        return None
    return Heard(chat=str(message.chat.id), inbound=_inbound(user, private=private, text=text[:MAX_HEARD_CHARS]))


def _said(message: Message, *, private: bool, username: str) -> str | None:
    text = message.text or message.caption
    if private and text is None and message.effective_attachment is not None:
        return WHAT_ELSE
    if text is None:
        return None
    command = _COMMAND.fullmatch(text)
    if command is None:
        return text if private or _mentions(text, username) else None
    name, addressee, rest = command.groups()
    if addressee and addressee.lower() != username.lower():
        return None
    return f"/{name}{rest}"


def _mentions(text: str, username: str) -> bool:
    return bool(username) and re.search(rf"@{re.escape(username)}\b", text, re.IGNORECASE) is not None


def _is_private(chat: Chat, user: User) -> bool:
    return chat.type == Chat.PRIVATE and chat.id == user.id


def _inbound(user: User, *, private: bool, text: str | None = None, action: str | None = None) -> Inbound:
    return Inbound(
        channel=CHANNEL,
        user=str(user.id),
        text=text,
        action=action,
        language=language_for(user.language_code),
        private=private,
    )
