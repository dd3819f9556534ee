"""Draws charts in a process of its own: the library that draws lets no other thread run for some thirty milliseconds.

The process is started for the first chart, takes one after the other, and ends when its standard input does, so that
it never outlives us, however we end. A chart comes in as a line of JSON; its picture goes out after its length in four
bytes, and a length of nothing says that it could not be drawn.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections import OrderedDict
from contextlib import suppress
from typing import BinaryIO

import structlog

from bot.conversations.parts import Chart, from_json, to_json
from bot.rendering.charts import png
from prepaid.domain.errors import TryAgain

KEPT = 64
"""Pictures of charts that are asked for again."""
WAITING = 32
"""Charts that wait for their turn; who comes after them is told to come again."""
DRAW_S = 15.0
"""For waiting and drawing together. The first one waits for the process to start, on a machine that may be busy."""
MOST_BYTES = 4 * 1024 * 1024
PROCESSES = 2
"""How many are tried for one chart: a process that died meanwhile is not the chart's fault, a second one may be."""
_LENGTH = struct.Struct(">I")
_log = structlog.get_logger()


class Painter:
    """One process that draws. `close` ends it; after that the next chart starts another."""

    def __init__(self, *, within_s: float = DRAW_S) -> None:
        self._within_s = within_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._kept: OrderedDict[Chart, bytes] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """The process that draws, while there is one."""
        return None if self._process is None else self._process.pid

    async def png(self, chart: Chart) -> bytes:
        """The chart as PNG. Raises `TryAgain` when it cannot be drawn now."""
        if self._waiting >= WAITING:
            raise TryAgain("try_again.channel", kind="charts_waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._within_s), self._turn:
                picture = self._kept.get(chart) or await self._drawn(chart)
                self._keep(chart, picture)
                return picture
        except TimeoutError:
            _log.warning("chart_not_drawn", kind="TimeoutError")
            raise TryAgain("try_again.channel", kind="TimeoutError") from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def _keep(self, chart: Chart, picture: bytes) -> None:
        self._kept[chart] = picture
        self._kept.move_to_end(chart)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _drawn(self, chart: Chart) -> bytes:
        kind = ""
        for _ in range(PROCESSES):
            try:
                if picture := await self._asked(chart):
                    return picture
                kind = "refused"
                break
            except (OSError, EOFError, ValueError) as error:
                kind = type(error).__name__
                await self.close()
            except asyncio.CancelledError:
                # Its answer would be taken for the next one's.
                await self.close()
                raise
        _log.warning("chart_not_drawn", kind=kind)
        raise TryAgain("try_again.channel", kind=kind)

    async def _asked(self, chart: Chart) -> bytes:
        """The picture; empty when this chart cannot be drawn."""
        if self._process is None or self._process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            # A session of its own: Ctrl-C in a terminal is for us, and we end it when our own work is done.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.rendering.painter", stdin=pipe, stdout=pipe, start_new_session=True
            )
        going, coming = self._process.stdin, self._process.stdout
        if going is None or coming is None:
            raise OSError("no pipes")
        going.write(json.dumps(to_json(chart)).encode() + b"\n")
        await going.drain()
        (length,) = _LENGTH.unpack(await coming.readexactly(_LENGTH.size))
        if length > MOST_BYTES:
            raise ValueError("a picture of that size")
        return await coming.readexactly(length)


def serve(coming: BinaryIO, going: BinaryIO) -> None:
    """Draws what comes until nothing does."""
    for line in coming:
        picture = _picture(line)
        going.write(_LENGTH.pack(len(picture)) + picture)
        going.flush()


def _picture(line: bytes) -> bytes:
    """The picture of a chart in JSON; empty when it is none."""
    try:
        chart = from_json(json.loads(line))
        return png(chart) if isinstance(chart, Chart) else b""
    except Exception:  # noqa: BLE001  an odd chart must not take the process from those that wait behind it
        return b""


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
