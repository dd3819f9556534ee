"""What the bot says, without saying how: every channel renders the same parts within its means.

Parts are complete: their words are already in the person's language, so a renderer needs no language.
A button's action is at most 64 bytes of ASCII, because that is what the tightest channel (Telegram) carries.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, cast

from prepaid.domain.errors import InvariantBroken

MAX_FILE_BYTES = 1024 * 1024
"""A statement of a month is far below; every channel takes this much."""
PICTURES = frozenset({"image/jpeg", "image/png"})
MAX_ACTION_BYTES = 64
"""Telegram, callback_data: 1-64 bytes."""


class Tone(StrEnum):
    """How a text should feel; a channel without colours ignores it."""

    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    TROUBLE = "trouble"


class Look(StrEnum):
    """How a button should feel."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


class StepState(StrEnum):
    """How far one line of a progress thread is."""

    DONE = "done"
    DOING = "doing"
    TODO = "todo"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A few sentences."""

    body: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValueTable:
    """Labelled figures under a title."""

    title: str
    rows: tuple[Row, ...]
    note: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One bar: where it stands, how tall it is (in the chart's integer unit) and its figure in words."""

    label: str
    value: int
    text: str
    before: int = 0
    """The same place in the period before."""
    line_micro: int = 0
    """What it cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A series, not pixels."""

    title: str
    points: tuple[Point, ...]
    summary: str = ""
    unit: str = ""
    scale: int = 1000
    """How much of the integer unit makes one of `unit`."""
    line_name: str = ""
    """What the line of money shows; empty: there is no line."""
    before_name: str = ""
    """The period that is compared with; empty: none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to keep: `data` is its content in base64, so that the part stays plain JSON data."""

    name: str
    media_type: str
    data: str
    caption: str = ""

    def content(self) -> bytes:
        """The bytes."""
        return b64decode(self.data)

    @property
    def is_picture(self) -> bool:
        """Whether a channel that takes pictures can show it as one."""
        return self.media_type in PICTURES


def make_file(
    name: str, media_type: str, content: bytes, caption: str = "", *, most_bytes: int = MAX_FILE_BYTES
) -> File:
    """A file part of at most `most_bytes`; more is a bug of whoever made it."""
    if len(content) > most_bytes:
        raise InvariantBroken(f"a file part of {len(content)} bytes")
    return File(name=name, media_type=media_type, data=b64encode(content).decode(), caption=caption)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address to open or to hand on. `page` says that it is a page of ours, which a chat may open inside itself."""

    label: str
    url: str
    page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something to press. `action` comes back as `Inbound.action`."""

    label: str
    action: str
    look: Look = Look.PLAIN

    def __post_init__(self) -> None:
        """Raises `InvariantBroken` for an action that some channel cannot carry."""
        if not self.action.isascii() or not 0 < len(self.action) <= MAX_ACTION_BYTES:
            raise InvariantBroken(f"a button's action must be 1-64 ASCII bytes: {self.action!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """A question with ready answers. `hint` is shown only where buttons become numbers ("reply with a number")."""

    prompt: str
    buttons: tuple[Button, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayQR:
    """A payment to be scanned or opened. `amount` is in words ("¥50.00")."""

    uri: str
    amount: str
    order_id: str
    caption: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a progress thread; `clock` is the wall time at the site ("14:03:22") or empty."""

    text: str
    state: StepState
    clock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressThread:
    """One message that edits itself. A channel that knows `thread` already replaces that message."""

    thread: str
    stage: str
    title: str
    lines: tuple[Step, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a list; `action` makes it pressable."""

    label: str
    value: str = ""
    detail: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """Entries with paging: `more` holds the buttons to other pages, if there are any."""

    title: str
    items: tuple[Item, ...]
    note: str = ""
    more: tuple[Button, ...] = ()
    hint: str = ""


Part = Text | KeyValueTable | Chart | File | Link | Buttons | PayQR | ProgressThread | List

KINDS: Mapping[str, type[Part]] = {
    "text": Text,
    "table": KeyValueTable,
    "chart": Chart,
    "file": File,
    "link": Link,
    "buttons": Buttons,
    "pay_qr": PayQR,
    "thread": ProgressThread,
    "list": List,
}
_KIND_OF = {part: kind for kind, part in KINDS.items()}
_NESTED: Mapping[str, type[object]] = {
    "rows": Row,
    "points": Point,
    "buttons": Button,
    "lines": Step,
    "items": Item,
    "more": Button,
}
_ENUMS: Mapping[str, Callable[[str], StrEnum]] = {"tone": Tone, "look": Look, "state": StepState}


def to_json(part: Part) -> dict[str, Any]:
    """The part as plain JSON data, with its kind."""
    return {"kind": _KIND_OF[type(part)], **asdict(part)}


def from_json(data: Mapping[str, Any]) -> Part:
    """Reads what `to_json` wrote; unknown keys are ignored, so that a newer server can talk to an older client."""
    return cast("Part", _build(KINDS[data["kind"]], data))


def menu_of(parts: Iterable[Part]) -> tuple[Button, ...]:
    """Everything that can be pressed in a reply, in the order in which renderers number it."""
    return tuple(button for part in parts for button in pressable(part))


def pressable(part: Part) -> tuple[Button, ...]:
    """What can be pressed in one part."""
    if isinstance(part, Buttons):
        return part.buttons
    if isinstance(part, List):
        items = tuple(Button(label=item.label, action=item.action) for item in part.items if item.action)
        return items + part.more
    return ()


def thread_of(parts: Sequence[Part]) -> ProgressThread | None:
    """The progress thread in a message, if it holds one."""
    return next((part for part in parts if isinstance(part, ProgressThread)), None)


def _build(kind: type[object], data: Mapping[str, Any]) -> object:
    known = {field.name for field in fields(cast("Any", kind))}
    return kind(**{name: _value(name, value) for name, value in data.items() if name in known})


def _value(name: str, value: Any) -> Any:
    if name in _NESTED and isinstance(value, list | tuple):
        return tuple(_build(_NESTED[name], item) for item in value)
    return _ENUMS[name](value) if name in _ENUMS else value
