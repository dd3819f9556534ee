"""A chart as a picture: bars with a line of money over them, and the period before in a lighter tone behind.

`svg` is pure: the same chart is the same text. `png` draws it with resvg and Noto Sans SC, which takes a processor some
milliseconds: call it off the event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from html import escape
from importlib.resources import files

from bot.conversations.parts import Chart

WIDTH, HEIGHT = 640, 400
"""As wide as a phone shows it: what a picture takes grows with its area, most of it for the encoding."""
LEFT, RIGHT, TOP, BOTTOM = 64, 64, 92, 52
BAR, BEFORE, LINE, INK, FAINT, PAPER = "#2f6fde", "#c3d4f5", "#e0851b", "#16202c", "#7b8794", "#ffffff"
RULE = "#e4e8ee"
GRID = 4
ROUND, DOT = 2, 3
MOST_LABELS = 12
FONT = "Noto Sans SC"
KEPT = 64
_NICE, _FINER = (10, 20, 50), (10, 15, 20, 25, 30, 40, 50, 60, 80)
"""Tenths of a power of ten; the finer ones where all of them are whole."""


def svg(chart: Chart) -> str:
    """The chart as SVG."""
    body = "".join((*_heading(chart), *_grid(chart), *_bars(chart), *_line(chart), *_labels(chart)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="{FONT}" font-size="14"><rect width="100%" height="100%" fill="{PAPER}"/>{body}</svg>'
    )


@lru_cache(maxsize=KEPT)
def png(chart: Chart) -> bytes:
    """The chart as PNG."""
    import resvg_py  # noqa: PLC0415 - only who draws waits for it

    drawn = resvg_py.svg_to_bytes(svg_string=svg(chart), skip_system_fonts=True, font_files=[_font()], font_family=FONT)
    return bytes(drawn)


def top_of(values: Sequence[int]) -> int:
    """The scale's end: four times a round number, and the least such that no value exceeds."""
    highest = max(values, default=0)
    if highest <= 0:
        return GRID
    size = 1
    while True:
        for tenths in _NICE if size == 1 else _FINER:
            if tenths * size // 10 * GRID >= highest:
                return tenths * size // 10 * GRID
        size *= 10


@cache
def _font() -> str:
    return str(files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf")


def _heading(chart: Chart) -> Iterator[str]:
    yield _text(LEFT - 40, 34, chart.title, size=20, colour=INK)
    yield _text(LEFT - 40, 60, chart.summary, colour=FAINT)
    at = WIDTH - RIGHT + 40
    legend = ((LINE, chart.line_name), (BEFORE, chart.before_name), (BAR, chart.unit))
    for colour, name in legend:
        if name:
            at -= 14 * _wide(name) // 2 + 8
            yield _text(at, TOP - 12, name, colour=FAINT, size=13)
            at -= 18
            yield f'<rect x="{at}" y="{TOP - 23}" width="12" height="12" rx="2" fill="{colour}"/>'
            at -= 14


def _grid(chart: Chart) -> Iterator[str]:
    """Four lines with the figures of the bars on the left and those of the money on the right."""
    top, line_top = _top(chart), _line_top(chart)
    levels = [HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * step // GRID for step in range(GRID + 1)]
    yield f'<path stroke="{RULE}" d="{"".join(f"M{LEFT} {y}H{WIDTH - RIGHT}" for y in levels)}"/>'
    for step, y in enumerate(levels):
        yield _text(LEFT - 8, y + 5, _scale(top * step, chart.scale), anchor="end", colour=FAINT, size=12)
        if chart.line_name:
            figure = f"¥{_scale(line_top * step, 1_000_000)}"
            yield _text(WIDTH - RIGHT + 8, y + 5, figure, colour=LINE, size=12)


def _bars(chart: Chart) -> Iterator[str]:
    """All bars of a colour in one shape, which is drawn sooner than one for each."""
    top = _top(chart)
    before: list[str] = []
    now: list[str] = []
    for place, point in enumerate(chart.points):
        x, wide = _slot(chart, place)
        if chart.before_name:
            before.append(_bar(x, wide, point.before, top))
        inner = wide * 6 // 10 if chart.before_name else wide
        now.append(_bar(x + (wide - inner) // 2, inner, point.value, top))
    for colour, bars in ((BEFORE, before), (BAR, now)):
        if shape := "".join(bars):
            yield f'<path fill="{colour}" d="{shape}"/>'


def _bar(x: int, wide: int, value: int, top: int) -> str:
    """A bar with round shoulders."""
    tall = (HEIGHT - TOP - BOTTOM) * max(0, value) // top
    if not tall:
        return ""
    wide, y = max(1, wide), HEIGHT - BOTTOM - tall
    round_by = min(ROUND, tall, wide // 2)
    left, right = f"q0 -{round_by} {round_by} -{round_by}", f"q{round_by} 0 {round_by} {round_by}"
    return f"M{x} {y + round_by}{left}h{wide - 2 * round_by}{right}V{HEIGHT - BOTTOM}H{x}z"


def _line(chart: Chart) -> Iterator[str]:
    if not chart.line_name or len(chart.points) < 2:  # noqa: PLR2004 - one point makes no line
        return
    top, tall = _line_top(chart), HEIGHT - TOP - BOTTOM
    points, dots = [], []
    for place, point in enumerate(chart.points):
        x, wide = _slot(chart, place)
        x_at, y_at = x + wide // 2, HEIGHT - BOTTOM - tall * max(0, point.line_micro) // top
        points.append(f"{x_at},{y_at}")
        dots.append(f"M{x_at - DOT} {y_at}a{DOT} {DOT} 0 1 0 {2 * DOT} 0a{DOT} {DOT} 0 1 0 -{2 * DOT} 0z")
    yield f'<polyline points="{" ".join(points)}" fill="none" stroke="{LINE}" stroke-width="2.5"/>'
    yield f'<path fill="{LINE}" d="{"".join(dots)}"/>'


def _labels(chart: Chart) -> Iterator[str]:
    every = -(-len(chart.points) // MOST_LABELS)
    for place, point in enumerate(chart.points):
        if place % every == 0:
            x, wide = _slot(chart, place)
            yield _text(x + wide // 2, HEIGHT - BOTTOM + 22, point.label, anchor="middle", colour=FAINT, size=12)


def _slot(chart: Chart, place: int) -> tuple[int, int]:
    """Where a point's bar begins and how wide it is."""
    room = WIDTH - LEFT - RIGHT
    count = max(1, len(chart.points))
    begin, end = room * place // count, room * (place + 1) // count
    gap = max(1, (end - begin) // 6)
    return LEFT + begin + gap, end - begin - 2 * gap


def _top(chart: Chart) -> int:
    return top_of([value for point in chart.points for value in (point.value, point.before)])


def _line_top(chart: Chart) -> int:
    return top_of([point.line_micro for point in chart.points])


def _scale(steps: int, scale: int) -> str:
    """A quarter of the scale's end times a step, in the unit that people read."""
    whole, rest = divmod(steps // GRID, scale)
    digits = len(str(scale)) - 1
    tail = f"{rest:0{digits}d}".rstrip("0") if digits else ""
    return f"{whole}.{tail}" if tail else str(whole)


def _wide(words: str) -> int:
    """About how many half-widths a text takes."""
    return sum(1 if char.isascii() else 2 for char in words)


def _text(x: int, y: int, words: str, *, colour: str = INK, size: int = 14, anchor: str = "start") -> str:
    if not words:
        return ""
    at = f'x="{x}" y="{y}" fill="{colour}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {at}>{escape(words)}</text>"
