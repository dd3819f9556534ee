"""Refuses what WeChat would refuse of an official account's calls and replies; the stand-in is stricter than WeChat.

The codes and limits follow the public documentation of the service account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

TEXT_BYTES = 2048
MENU_BUTTONS, SUB_BUTTONS = 3, 5
NAME_BYTES, SUB_NAME_BYTES, KEY_BYTES = 16, 60, 128
FIELD_CHARS = {"thing": 20, "phrase": 5, "character_string": 32, "amount": 12}
REPLY_FIELDS = ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Content")
_BAD_ESCAPE = re.compile(r"\\u[0-9a-f]{4}")


class BadCallError(Exception):
    """A call that WeChat answers with `code`."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def check_keys(payload: Mapping[str, Any], needed: set[str], allowed: frozenset[str] = frozenset()) -> None:
    """Refuses a call with missing, misspelt or unknown parameters."""
    if not needed <= payload.keys() or payload.keys() - needed - allowed:
        raise BadCallError(47001, f"data format error: {sorted(payload)}")


def check_custom(payload: Mapping[str, Any]) -> str:
    """The words of a customer-service message, or the number of its picture."""
    if payload.get("msgtype") != "image":
        return _check_text(payload)
    check_keys(payload, {"touser", "msgtype", "image"})
    if not isinstance(payload["image"], dict) or set(payload["image"]) != {"media_id"}:
        raise BadCallError(40007, "invalid media_id")
    return str(payload["image"]["media_id"])


def _check_text(payload: Mapping[str, Any]) -> str:
    check_keys(payload, {"touser", "msgtype", "text"})
    text = payload["text"].get("content") if isinstance(payload["text"], dict) else None
    if payload["msgtype"] != "text" or not isinstance(text, str) or not text:
        raise BadCallError(44004, "empty content")
    if len(text.encode()) > TEXT_BYTES or _BAD_ESCAPE.search(text):
        raise BadCallError(45002, "content size out of limit")
    return text


def check_data(data: object, fields: set[str], *, cut: bool) -> dict[str, str]:
    """The fields of a template. Too long a field is cut in template messages and refused in subscription messages."""
    if not isinstance(data, dict) or set(data) != fields:
        raise BadCallError(47003, "argument invalid: fields of the template")
    values: dict[str, str] = {}
    for name, entry in data.items():
        if not isinstance(entry, dict) or set(entry) != {"value"} or not isinstance(entry["value"], str):
            raise BadCallError(47003, f"argument invalid: {name}")
        value, most = entry["value"], FIELD_CHARS.get(re.sub(r"\d+$", "", name), 32)
        if not value or "\n" in value or (len(value) > most and not cut):
            raise BadCallError(47003, f"argument invalid: {name}")
        values[name] = value[:most]
    return values


def check_menu(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The buttons of a menu."""
    check_keys(payload, {"button"})
    buttons = payload["button"]
    if not isinstance(buttons, list) or not 0 < len(buttons) <= MENU_BUTTONS:
        raise BadCallError(40016, "invalid button size")
    for button in buttons:
        _check_button(button, NAME_BYTES)
        subs = button.get("sub_button", [])
        if len(subs) > SUB_BUTTONS:
            raise BadCallError(40023, "invalid sub button size")
        for sub in subs:
            _check_button(sub, SUB_NAME_BYTES)
    return buttons


def _check_button(button: Mapping[str, Any], name_bytes: int) -> None:
    if not 0 < len(str(button.get("name", "")).encode()) <= name_bytes:
        raise BadCallError(40018, "invalid button name size")
    if button.get("sub_button"):
        return
    if button.get("type") != "click" or not 0 < len(str(button.get("key", "")).encode()) <= KEY_BYTES:
        raise BadCallError(40019, "invalid button key size")


def read_reply(xml: str) -> dict[str, str]:
    """The fields of a passive reply: exactly those of a text, each once, and nothing beside them."""
    found: list[tuple[str, str]] = []
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name)
        texts.clear()

    def end(name: str) -> None:
        if len(path) == 2:
            found.append((name, "".join(texts)))
        path.pop()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.Parse(xml.encode(), True)  # noqa: FBT003 - the parser takes no keyword
    fields = dict(found)
    if len(fields) != len(found) or set(fields) != set(REPLY_FIELDS) or fields["MsgType"] != "text":
        raise BadCallError(0, f"reply of other fields: {[name for name, _ in found]}")
    if not 0 < len(fields["Content"].encode()) <= TEXT_BYTES:
        raise BadCallError(0, "reply too long or empty")
    return fields
