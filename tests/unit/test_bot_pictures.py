"""Pictures and files: a chart is drawn from its numbers alone, and no cell of a sheet ever runs."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import struct
import sys
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from bot.conversations.parts import MAX_FILE_BYTES, Chart, Point, make_file
from bot.conversations.topics.usage import usage_chart
from bot.rendering import tables
from bot.rendering.charts import BAR, BEFORE, HEIGHT, TOP, WIDTH, png, svg, top_of
from bot.rendering.painter import WAITING, Painter
from bot.rendering.sheets import Cell, csv_bytes, xlsx_bytes
from prepaid.domain.errors import InvariantBroken, TryAgain
from prepaid.usecases.compare_usage import SLOTS, Period
from tests.fakes.rehearsed.usage import used
from tests.fakes.rehearsed_chat import RehearsedChat

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("period", list(Period))
def test_every_period_has_a_bar_for_each_slot_and_one_line(period: Period, language: str) -> None:
    """T1: bars of the period and of the one before, a line of money through every slot, the words in the language."""
    chart = usage_chart(language, used(RehearsedChat(), "a101", period))
    drawn = ET.fromstring(svg(chart))  # noqa: S314 - our own text
    before, now = (_bars(drawn, colour) for colour in (BEFORE, BAR))
    assert len(before) == len(now) == SLOTS[period]
    line = drawn.find(f"{SVG}polyline")
    assert line is not None
    assert len((line.get("points") or "").split()) == SLOTS[period]
    words = [text.text or "" for text in drawn.iter(f"{SVG}text")]
    assert {chart.title, chart.summary, chart.line_name, chart.before_name} <= set(words)
    assert all(TOP <= top < HEIGHT for top in before + now)


def _bars(drawn: ET.Element, colour: str) -> list[int]:
    """Where the sides of all bars of a colour begin, from the top."""
    shape = next(path.get("d") or "" for path in drawn.iter(f"{SVG}path") if path.get("fill") == colour)
    return [int(bar.split("q")[0].split()[1]) for bar in shape.split("M")[1:]]


def test_the_picture_is_a_png_of_the_right_size() -> None:
    """A picture that every channel takes, and the same chart is drawn once."""
    chart = usage_chart("zh", used(RehearsedChat(), "a101", Period.WEEK))
    picture = png(chart)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (WIDTH, HEIGHT)
    assert png(chart) is picture


async def test_the_painter_draws_outside_of_the_process_and_comes_back() -> None:
    """Y3: charts are drawn in a process of its own; killed or closed, it is replaced, and an odd chart harms none."""
    chart = usage_chart("zh", used(RehearsedChat(), "a101", Period.WEEK))
    painter = Painter()
    picture = await painter.png(chart)
    assert picture == png(chart)
    assert await painter.png(chart) is picture
    first = painter.pid
    assert first is not None
    with pytest.raises(TryAgain):
        await painter.png(replace(chart, points=("broken",)))  # type: ignore[arg-type]
    assert painter.pid == first
    os.kill(first, signal.SIGKILL)
    other = replace(chart, title="2026")
    assert await painter.png(other) == png(other)
    second = painter.pid
    assert second is not None
    assert second != first
    await painter.close()
    assert await _ended(first)
    assert await _ended(second)


async def test_the_painter_bounds_what_waits_for_it() -> None:
    """Y3: a painter that hangs costs a chart its time limit, and more than so many waiting are sent away at once."""
    chart = usage_chart("zh", used(RehearsedChat(), "a101", Period.WEEK))
    painter = Painter()
    await painter.png(chart)
    hung = painter.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    waiting = [asyncio.create_task(painter.png(replace(chart, title=str(number)))) for number in range(WAITING + 1)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [TryAgain]
    for task in waiting:
        task.cancel()
    assert await asyncio.gather(*waiting, return_exceptions=True)
    assert await _ended(hung)
    late = Painter(within_s=0.0)
    with pytest.raises(TryAgain):
        await late.png(chart)
    assert late.pid is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_the_painter_never_outlives_the_program(number: signal.Signals) -> None:
    """Y3: after the program was killed, or ended by Ctrl-C, nothing that drew for it is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    painter = int(await process.stdout.readline())
    os.killpg(process.pid, number)
    assert await process.wait()
    assert await _ended(painter)


PROGRAM = """
import asyncio
import signal
from bot.conversations.parts import Chart
from bot.rendering.painter import WAITING, Painter

async def main():
    painter = Painter()
    await painter.png(Chart(title="", points=()))
    print(painter.pid, flush=True)
    await asyncio.Event().wait()

# As in a terminal: what starts in the background is born deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main())
"""


async def _ended(pid: int) -> bool:
    """Whether a process is gone within half a minute."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        async with asyncio.timeout(30):
            return await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def test_words_of_a_chart_are_never_markup() -> None:
    """A room may be called anything; what people typed stays text. A chart of nothing is drawn too."""
    nothing = Point(label="<b>", value=0, text="0")
    chart = Chart(title='<script x="&">', points=(nothing,), summary="")
    drawn = ET.fromstring(svg(chart))  # noqa: S314 - our own text
    assert chart.title in [text.text for text in drawn.iter(f"{SVG}text")]
    assert png(Chart(title="", points=())).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 4), (1, 4), (4, 4), (5, 8), (12, 20), (1_240, 1_600), (81, 100), (2_001, 2_400), (8_001, 10_000)],
)
def test_the_scale_ends_at_a_round_figure(highest: int, top: int) -> None:
    """The end of the scale is at least the highest value and divides into four round steps."""
    assert top_of([highest]) == top


EVIL = ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


def test_csv_never_runs_and_says_that_it_is_utf8() -> None:
    """A room called "=1+1" is text in a spreadsheet; our own negative amounts stay numbers."""
    body = csv_bytes([("房间", "amount"), *((evil, Decimal("-5.2")) for evil in EVIL)])
    assert body.startswith(b"\xef\xbb\xbf")
    text = body.decode("utf-8-sig")
    assert text.count("-5.2") == len(EVIL)
    assert [line for line in text.split("\r\n") if line.lstrip('"').startswith(("=", "+", "-", "@", "\t"))] == []


def test_xlsx_keeps_text_as_text_and_money_as_numbers() -> None:
    """Read back by another library: nothing became a formula, and the figures are exact."""
    rows: list[tuple[Cell, ...]] = [("room", "amount", "n"), *((evil, Decimal("-5.283"), 7) for evil in EVIL[:4])]
    book = CalamineWorkbook.from_filelike(io.BytesIO(xlsx_bytes("2026-11 账单", rows)))
    sheet = book.get_sheet_by_index(0).to_python()
    assert book.sheet_names == ["2026-11 账单"]
    assert [row[0] for row in sheet[1:]] == list(EVIL[:4])
    assert {row[1] for row in sheet[1:]} == {-5.283}


def test_sheets_have_names_that_spreadsheets_take() -> None:
    """A2: words of any language become names; marks that mean something to a spreadsheet and doubles do not fail."""
    titles = ("逐时/逐日", "逐时:逐日", "[x]*?\\", "'", "a" * 40, "A" * 40)
    content = tables.xlsx_bytes([tables.Sheet(title=title, head=("n",), rows=((1,),)) for title in titles])
    names = CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names
    assert len({name.casefold() for name in names}) == len(titles)
    assert names[0] == "逐时 逐日"
    assert max(map(len, names)) <= 31


def test_a_file_has_an_end() -> None:
    """Y3: what is handed over is bounded."""
    assert make_file("a.csv", "text/csv", b"x" * 10).content() == b"x" * 10
    with pytest.raises(InvariantBroken):
        make_file("a.csv", "text/csv", b"x" * (MAX_FILE_BYTES + 1))
