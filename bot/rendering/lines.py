"""Parts as lines of plain words: what the terminal and WeChat share. Whatever can be pressed is numbered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from itertools import count

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
)
from bot.rendering.capabilities import blocks
from prepaid.domain.errors import InvariantBroken

MARKS = {StepState.DONE: "✓", StepState.DOING: "…", StepState.TODO: "·", StepState.STUCK: "!"}


def in_lines(parts: Sequence[Part]) -> list[list[str]]:
    """One block of lines for each part; numbers run through the whole reply, as `parts.menu_of` counts them."""
    numbers = count(1)
    return [list(_lines(part, numbers)) for part in parts]


@singledispatch
def _lines(part: Part, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    raise InvariantBroken(f"no lines for {type(part).__name__}")


@_lines.register
def _(part: Text, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return part.body.split("\n")


@_lines.register
def _(part: KeyValueTable, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return _some(part.title, *(f"{row.label}: {row.value}" for row in part.rows), part.note)


@_lines.register
def _(part: Chart, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return chart_lines(part)


@_lines.register
def _(part: File, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return _some(file_line(part))


@_lines.register
def _(part: Link, numbers: Iterator[int]) -> Iterable[str]:
    """The address alone in its line, so that every chat makes a link of it."""
    del numbers
    return _some(part.label, part.url)


@_lines.register
def _(part: Buttons, numbers: Iterator[int]) -> Iterable[str]:
    return _some(part.prompt, *_numbered(part.buttons, numbers), part.hint)


@_lines.register
def _(part: PayQR, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return _some(part.caption, part.amount, part.uri, part.note)


@_lines.register
def _(part: ProgressThread, numbers: Iterator[int]) -> Iterable[str]:
    del numbers
    return thread_lines(part)


@_lines.register
def _(part: List, numbers: Iterator[int]) -> Iterable[str]:
    return _list_lines(part, numbers)


def chart_lines(chart: Chart) -> list[str]:
    """The bars in one line, their first and last label under them, and the summary."""
    bars = blocks(tuple(point.value for point in chart.points))
    ends = ""
    if chart.points:
        first, last = chart.points[0].label, chart.points[-1].label
        ends = first + " " * max(1, len(bars) - len(first) - len(last)) + last if len(chart.points) > 1 else first
    return _some(chart.title, f"▕{bars}▏" if bars else "", f" {ends}" if ends else "", chart.summary)


def file_line(part: File) -> str:
    """Where a file cannot be handed over, what it is."""
    return f"{part.caption} ({part.name})" if part.caption else part.name


def thread_lines(thread: ProgressThread) -> list[str]:
    """Title, one marked line for each step, and the note."""
    steps = (f"{MARKS[step.state]} {step.clock + ' ' if step.clock else ''}{step.text}" for step in thread.lines)
    return _some(thread.title, *steps, thread.note)


def item_line(label: str, value: str, detail: str) -> str:
    """One entry of a list in one line."""
    return "  ".join(word for word in (label, value, detail) if word)


def _list_lines(part: List, numbers: Iterator[int]) -> list[str]:
    items = [
        f"{next(numbers)}. {item_line(item.label, item.value, item.detail)}"
        if item.action
        else item_line(item.label, item.value, item.detail)
        for item in part.items
    ]
    return _some(part.title, *items, part.note, *_numbered(part.more, numbers), part.hint)


def _numbered(buttons: Sequence[Button], numbers: Iterator[int]) -> list[str]:
    return [f"{next(numbers)}. {button.label}" for button in buttons]


def _some(*lines: str) -> list[str]:
    return [line for line in lines if line]
