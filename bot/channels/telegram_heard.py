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

from bot.conversations.inbound import MAX_HEARD_CHARS, Attached, Inbound, Thing, shown_name
from bot.texts.catalogue import language_for

CHANNEL = "telegram"
MAX_FILE_ID_CHARS = 256
_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(.*)", re.DOTALL)
_THINGS = frozenset(str(kind.value) for kind in MessageAttachmentType)
_KNOWN: Mapping[str, Thing] = {
    "voice": Thing.VOICE,
    "audio": Thing.VOICE,
    "location": Thing.PLACE,
    "venue": Thing.PLACE,
    "contact": Thing.CONTACT,
}
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
    text, attached = _said(message, private=private, username=username), _attached(message)
    # In a group a thing is for us where the words under it are.
    if text is None and (attached is None or not private or _words(message)):
        return None
    words = None if text is None else text[:MAX_HEARD_CHARS]
    return Heard(chat=str(chat["id"]), inbound=_inbound(user, chat, text=words, attached=attached))


def _attached(message: Json) -> Attached | None:
    """What came along. A film that moves by itself comes with a document, which is the same film."""
    if _THINGS.isdisjoint(message):
        return None
    document, sizes = _part(message, "document"), message.get("photo")
    if document and "animation" not in message:
        name = shown_name(document.get("file_name"))
        return Attached(thing=Thing.DOCUMENT, reference=_file_id(document), name=name, size_bytes=_size(document))
    if isinstance(sizes, list) and sizes:
        # The last one is the largest.
        largest = sizes[-1] if isinstance(sizes[-1], dict) else {}
        return Attached(thing=Thing.PHOTO, reference=_file_id(largest), size_bytes=_size(largest))
    return Attached(thing=next((thing for name, thing in _KNOWN.items() if name in message), Thing.OTHER))


def _file_id(file: Json) -> str:
    number = file.get("file_id")
    return number if isinstance(number, str) and len(number) <= MAX_FILE_ID_CHARS and number.isascii() else ""


def _size(file: Json) -> int:
    size = file.get("file_size")
    return size if type(size) is int and size > 0 else 0


def _words(message: Json) -> str | None:
    words = message.get("text") or message.get("caption")
    return words if isinstance(words, str) else None


def _said(message: Json, *, private: bool, username: str) -> str | None:
    text = _words(message)
    if text is None:
        return None
    command = _COMMAND.fullmatch(text)
    if command is None:
        return text if private else _to_us(message, text, username)
    name, addressee, rest = command.groups()
    if addressee and addressee.lower() != username.lower():
        return None
    return f"/{name}{rest}"


def _to_us(message: Json, text: str, username: str) -> str | None:
    """Words in a group that name us, without the name, or that answer a message of ours; None for all others."""
    if not username:
        return None
    rest, named = re.subn(rf"@{re.escape(username)}\b", " ", text, flags=re.IGNORECASE)
    if named:
        return rest.strip() or "/help"
    author = _part(_part(message, "reply_to_message"), "from").get("username")
    return text if isinstance(author, str) and author.lower() == username.lower() else None


def _is_private(chat: Json, user: Json) -> bool:
    return chat.get("type") == ChatType.PRIVATE and chat["id"] == user["id"]


def _inbound(
    user: Json, chat: Json, *, text: str | None = None, action: str | None = None, attached: Attached | None = None
) -> Inbound:
    language, private = user.get("language_code"), _is_private(chat, user)
    return Inbound(
        channel=CHANNEL,
        user=str(user["id"]),
        text=text,
        action=action,
        language=language_for(language if isinstance(language, str) else None),
        private=private,
        group="" if private else str(chat["id"]),
        attached=attached,
    )


def _has_number(part: Json) -> bool:
    return type(part.get("id")) is int


def _part(holder: Json, name: str) -> Json:
    """An object inside another; an empty one where there is none."""
    part = holder.get(name)
    return part if isinstance(part, dict) else {}
