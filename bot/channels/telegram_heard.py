"""Reads one update: who said what where, and whether it is ours to answer. Pure.

An update is read as the plain data that it is: to make the library's objects of one takes half as long as to find the
answer to a question (docs/adr/0023). What is read is compared with what those objects say, for every shape of update.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telegram.constants import ChatType, MessageAttachmentType

from bot.conversations.inbound import MAX_HEARD_CHARS, Inbound
from bot.texts.catalogue import language_for

CHANNEL = "telegram"
_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(.*)", re.DOTALL)
WHAT_ELSE = "/help"
"""What a sticker or a photograph is taken for."""
_THINGS = frozenset(str(kind.value) for kind in MessageAttachmentType)
Json = Mapping[str, Any]


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


def read(update: Json, *, username: str) -> Heard | None:
    """What was heard, or None for what is not said to us."""
    press, message = update.get("callback_query"), update.get("message")
    if isinstance(press, dict):
        return _read_press(press)
    if isinstance(message, dict):
        return _read_message(message, username)
    return None


def _read_press(press: Json) -> Heard | None:
    chat, user, data = _part(_part(press, "message"), "chat"), _part(press, "from"), press.get("data")
    if not (_has_number(chat) and _has_number(user)) or not isinstance(data, str) or not data:
        return None
    inbound = _inbound(user, chat, action=data)
    return Heard(chat=str(chat["id"]), inbound=inbound, press_id=str(press.get("id", "")))


def _read_message(message: Json, username: str) -> Heard | None:
    chat, user = _part(message, "chat"), _part(message, "from")
    if not (_has_number(chat) and _has_number(user)) or user.get("is_bot"):
        return None
    private = _is_private(chat, user)
    text = _said(message, private=private, username=username)
    if text is None:
        return None
    return Heard(chat=str(chat["id"]), inbound=_inbound(user, chat, text=text[:MAX_HEARD_CHARS]))


def _said(message: Json, *, private: bool, username: str) -> str | None:
    text = message.get("text") or message.get("caption")
    if not isinstance(text, str):
        return WHAT_ELSE if private and not _THINGS.isdisjoint(message) else None
    command = _COMMAND.fullmatch(text)
    if command is None:
        return text if private or _mentions(text, username) else None
    name, addressee, rest = command.groups()
    if addressee and addressee.lower() != username.lower():
        return None
    return f"/{name}{rest}"


def _mentions(text: str, username: str) -> bool:
    return bool(username) and re.search(rf"@{re.escape(username)}\b", text, re.IGNORECASE) is not None


def _is_private(chat: Json, user: Json) -> bool:
    return chat.get("type") == ChatType.PRIVATE and chat["id"] == user["id"]


def _inbound(user: Json, chat: Json, *, text: str | None = None, action: str | None = None) -> Inbound:
    language, private = user.get("language_code"), _is_private(chat, user)
    return Inbound(
        channel=CHANNEL,
        user=str(user["id"]),
        text=text,
        action=action,
        language=language_for(language if isinstance(language, str) else None),
        private=private,
        group="" if private else str(chat["id"]),
    )


def _has_number(part: Json) -> bool:
    return type(part.get("id")) is int


def _part(holder: Json, name: str) -> Json:
    """An object inside another; an empty one where there is none."""
    part = holder.get(name)
    return part if isinstance(part, dict) else {}
