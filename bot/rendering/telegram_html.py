"""Parts for Telegram: HTML text and inline keyboard rows as plain data. Knows Telegram's limits, not its library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from html import escape
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.conversations.parts import (
    Button,
    Buttons,
    Chart,
    File,
    KeyValueTable,
    Link,
    List,
    Part,
    PayQR,
    ProgressThread,
    StepState,
    Text,
    pressable,
)
from bot.rendering.capabilities import Capabilities, Charts, Means, split_lines
from bot.rendering.lines import item_line
from prepaid.domain.errors import InvariantBroken

CAPABILITIES = Capabilities(buttons=Means.INLINE, charts=Charts.DRAWN, edits=True, qr_image=False, max_chars=4096)
"""Telegram, sendMessage: 1-4096 characters after entities are parsed."""
ROW_CHARS = 24
"""Two short labels share a row on a phone, long ones do not."""
_MARKS = {StepState.DONE: "✅", StepState.DOING: "⏳", StepState.TODO: "▫️", StepState.STUCK: "⚠️"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One inline button: something to press, or an address to open, with `page` inside the chat itself."""

    text: str
    callback_data: str = ""
    url: str = ""
    page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One Telegram message: parse mode HTML, and keyboard rows under it."""

    html: str
    keyboard: tuple[tuple[Key, ...], ...] = ()


def render(parts: Sequence[Part]) -> list[Message]:
    """Usually one message; a reply over Telegram's limit is split, with the keyboard under its last piece."""
    doors = tuple((_door(part),) for part in parts if isinstance(part, Link) and is_public(part.url))
    keyboard = doors + _rows([button for part in parts for button in pressable(part)])
    pieces = _pieces([html for html in map(_html, parts) if html])
    return [*(Message(html=piece) for piece in pieces[:-1]), Message(html=pieces[-1], keyboard=keyboard)]


def caption(part: PayQR | Chart | File) -> str:
    """What stands under a photograph or a document."""
    if isinstance(part, File):
        return part.caption
    return part.title if isinstance(part, Chart) else f"{part.caption} {part.amount}"


def is_public(url: str) -> bool:
    """Whether Telegram takes the address for a button: it refuses the whole message for one of a machine's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return parts.scheme in ("http", "https") and ip_address(host).is_global
    except ValueError:
        return parts.scheme in ("http", "https") and "." in host


def _door(part: Link) -> Key:
    """Only an address that nobody can read on its way is opened inside the chat."""
    return Key(text=part.label, url=part.url, page=part.page and part.url.startswith("https://"))


def _pieces(blocks: list[str]) -> list[str]:
    """Joins whole parts while they fit, so that no tag is ever cut; one part that is too long loses its markup."""
    pieces: list[str] = []
    for block in blocks:
        if pieces and len(pieces[-1]) + 2 + len(block) <= CAPABILITIES.max_chars:
            pieces[-1] += f"\n\n{block}"
        elif len(block) <= CAPABILITIES.max_chars:
            pieces.append(block)
        else:
            pieces += split_lines(_bare(block), CAPABILITIES.max_chars)
    return pieces or ["…"]


def _bare(html: str) -> str:
    for tag in ("b", "code", "pre", "i"):
        html = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    return html


@singledispatch
def _html(part: Part) -> str:
    raise InvariantBroken(f"no HTML for {type(part).__name__}")


@_html.register
def _(part: Text) -> str:
    return _plain(part.body)


@_html.register
def _(part: KeyValueTable) -> str:
    rows = (f"{_plain(row.label)}: {_bold(row.value)}" for row in part.rows)
    return _join(_bold(part.title), *rows, _italic(part.note))


@_html.register
def _(part: Buttons) -> str:
    return _plain(part.prompt)


@_html.register
def _(part: Link) -> str:
    return _plain(part.url)


@_html.register
def _(part: PayQR) -> str:
    uri = f"<code>{_plain(part.uri)}</code>"
    return _join(_bold(f"{part.caption} {part.amount}"), uri, _italic(part.note))


@_html.register
def _(part: File) -> str:
    del part
    return ""  # It goes out as a document of its own.


@_html.register
def _(chart: Chart) -> str:
    return _join(_bold(chart.title), _plain(chart.summary))  # The bars go out as a photograph.


@_html.register
def _(thread: ProgressThread) -> str:
    steps = (
        f"{_MARKS[step.state]} {f'<code>{step.clock}</code> ' if step.clock else ''}{_plain(step.text)}"
        for step in thread.lines
    )
    return _join(_bold(thread.title), *steps, _italic(thread.note))


@_html.register
def _(part: List) -> str:
    lines = (_plain(item_line(item.label, item.value, item.detail)) for item in part.items)
    return _join(_bold(part.title), *lines, _italic(part.note))


def _rows(buttons: Sequence[Button]) -> tuple[tuple[Key, ...], ...]:
    rows: list[tuple[Key, ...]] = []
    for button in buttons:
        key = Key(text=button.label, callback_data=button.action)
        fits = rows and len(rows[-1]) == 1 and len(rows[-1][0].text) + len(key.text) <= ROW_CHARS
        if fits:
            rows[-1] = (*rows[-1], key)
        else:
            rows.append((key,))
    return tuple(rows)


def _plain(text: str) -> str:
    return escape(text, quote=False)


def _bold(text: str) -> str:
    return f"<b>{_plain(text)}</b>" if text else ""


def _italic(text: str) -> str:
    return f"<i>{_plain(text)}</i>" if text else ""


def _join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
