"""Refuses what Telegram would refuse, and what it would silently ignore: the stand-in is stricter than the real one.

The limits and sentences follow the public Bot API documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

TEXT_CHARS = 4096
CAPTION_CHARS = 1024
CALLBACK_BYTES = 64
BUTTONS = 100
BUTTONS_A_ROW = 8
COMMANDS = 100
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"})
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_ATTRIBUTES = {"a": {"href"}, "code": {"class"}, "blockquote": {"expandable"}}
PARAMETERS: Mapping[str, frozenset[str]] = {
    "getMe": frozenset(),
    "setWebhook": frozenset({"url", "secret_token", "allowed_updates", "max_connections", "drop_pending_updates"}),
    "deleteWebhook": frozenset({"drop_pending_updates"}),
    "getWebhookInfo": frozenset(),
    "getUpdates": frozenset({"offset", "limit", "timeout", "allowed_updates"}),
    "sendMessage": frozenset({"chat_id", "text", "parse_mode", "reply_markup", "link_preview_options"}),
    "editMessageText": frozenset(
        {"chat_id", "message_id", "text", "parse_mode", "reply_markup", "link_preview_options"}
    ),
    "sendPhoto": frozenset({"chat_id", "photo", "caption", "parse_mode", "reply_markup"}),
    "getFile": frozenset({"file_id"}),
    "sendDocument": frozenset({"chat_id", "document", "caption", "parse_mode", "reply_markup"}),
    "deleteMessage": frozenset({"chat_id", "message_id"}),
    "answerCallbackQuery": frozenset({"callback_query_id", "text", "show_alert"}),
    "deleteMyCommands": frozenset({"scope", "language_code"}),
    "setMyCommands": frozenset({"commands", "scope", "language_code"}),
}


class BadCallError(Exception):
    """A call that the Bot API answers with `code` and `description`."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def is_photograph(content: bytes) -> bool:
    """Whether it is a PNG or a whole JPEG; Telegram decodes what it shows."""
    if content.startswith(b"\xff\xd8\xff"):
        return content.endswith(b"\xff\xd9")
    return content.startswith(b"\x89PNG\r\n\x1a\n")


def bad_request(words: str) -> BadCallError:
    """The most common refusal."""
    return BadCallError(400, f"Bad Request: {words}")


def check_parameters(method: str, params: Mapping[str, Any]) -> None:
    """Refuses parameters that the method does not have: Telegram would ignore a misspelt one."""
    unknown = params.keys() - PARAMETERS[method]
    if unknown:
        raise bad_request(f"unknown parameters {sorted(unknown)}")


def check_text(params: Mapping[str, Any], name: str, limit: int) -> str:
    """Returns what a person sees of a text. Refuses bad markup, an empty text and one that is too long."""
    raw = params.get(name, "")
    if not isinstance(raw, str):
        raise bad_request(f"{name} must be a string")
    mode = params.get("parse_mode")
    if mode not in {None, "HTML"}:
        raise bad_request("unsupported parse_mode")
    seen = visible_text(raw) if mode == "HTML" else raw
    if not seen.strip():
        raise bad_request("message text is empty")
    if len(seen.encode("utf-16-le")) // 2 > limit:
        raise bad_request("message is too long" if name == "text" else "message caption is too long")
    return seen


def visible_text(html: str) -> str:
    """The text without its markup. Refuses unknown, unclosed or crossed tags and unescaped signs."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open:
        raise bad_request(f"can't parse entities: can't find end tag corresponding to start tag {reader.open[-1]!r}")
    return "".join(reader.pieces)


class _Reader(HTMLParser):
    """Walks over the markup that Telegram knows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise bad_request(f"can't parse entities: unsupported start tag {tag!r}")
        if {name for name, _ in attrs} - _ATTRIBUTES.get(tag, set()):
            raise bad_request(f"can't parse entities: unsupported attribute of {tag!r}")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise bad_request(f"can't parse entities: unmatched end tag {tag!r}")

    def handle_data(self, data: str) -> None:
        if set(data) & set("<>&"):
            raise bad_request("can't parse entities: character must be escaped")
        self.pieces.append(data)

    def handle_entityref(self, name: str) -> None:
        self._reference(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._reference(f"&#{name};")

    def _reference(self, reference: str) -> None:
        if not _ENTITY.fullmatch(reference):
            raise bad_request(f"can't parse entities: unsupported reference {reference}")
        self.pieces.append(_plain(reference))

    def handle_comment(self, data: str) -> None:  # noqa: ARG002  every comment is refused
        raise bad_request("can't parse entities: unsupported comment")

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002  every declaration is refused
        raise bad_request("can't parse entities: unsupported declaration")


def _plain(reference: str) -> str:
    named = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"'}
    if reference in named:
        return named[reference]
    digits = reference[2:-1]
    return chr(int(digits[1:], 16) if digits[0] in "xX" else int(digits))


def check_keyboard(params: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The rows of an inline keyboard, empty when there is none."""
    markup = params.get("reply_markup") or {}
    if not isinstance(markup, dict) or markup.keys() - {"inline_keyboard"}:
        raise bad_request("can't parse reply keyboard markup JSON object")
    rows = markup.get("inline_keyboard", [])
    if sum(len(row) for row in rows) > BUTTONS or any(not 0 < len(row) <= BUTTONS_A_ROW for row in rows):
        raise bad_request("reply markup is too long")
    private = not str(params.get("chat_id", "")).startswith("-")
    for row in rows:
        for button in row:
            _check_button(button, private=private)
    return list(rows)


def _check_button(button: Mapping[str, Any], *, private: bool) -> None:
    kinds = button.keys() - {"text", "style"}
    if not button.get("text") or len(kinds) != 1:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    if "callback_data" in kinds and not 0 < len(str(button["callback_data"]).encode()) <= CALLBACK_BYTES:
        raise BadCallError(400, "Bad Request: BUTTON_DATA_INVALID")
    if "url" in kinds and not re.match(r"(https?|tg)://[^/:]*\.[a-z]{2,}([/:]|$)", str(button["url"])):
        raise BadCallError(400, "Bad Request: BUTTON_URL_INVALID")
    if "web_app" in kinds and not private:
        raise BadCallError(400, "Bad Request: BUTTON_TYPE_INVALID")
    if "web_app" in kinds and not str(button["web_app"].get("url", "")).startswith("https://"):
        raise bad_request("inline keyboard button Web App URL is invalid: Only HTTPS links are allowed")
    if kinds - {"callback_data", "url", "web_app"}:
        raise bad_request(f"unsupported button {sorted(kinds)}")


def check_commands(commands: Sequence[Mapping[str, Any]]) -> None:
    """A menu has up to a hundred commands with short lower-case names and a line about each."""
    if not 0 < len(commands) <= COMMANDS:
        raise BadCallError(400, "Bad Request: BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not _COMMAND.fullmatch(str(command.get("command", ""))):
            raise BadCallError(400, "Bad Request: BOT_COMMAND_INVALID")
        if not 0 < len(str(command.get("description", ""))) <= 256:
            raise BadCallError(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
