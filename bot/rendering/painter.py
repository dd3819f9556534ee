"""Draws charts in a process of its own: the library that draws lets no other thread run for some thirty milliseconds.

The process is started for the first chart, takes one after the other, and ends when its standard input does, so that
it never outlives us. A chart comes in as a line of JSON; its picture goes out after its length in four bytes.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections import OrderedDict
from typing import BinaryIO

import structlog

from bot.conversations.parts import Chart, from_json, to_json
from bot.rendering.charts import png
from prepaid.domain.errors import TryAgain

KEPT = 64
"""Pictures of charts that are asked for again."""
DRAW_S = 15.0
"""The first one waits for the process to start, on a machine that may be busy."""
MOST_BYTES = 4 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_log = structlog.get_logger()


class Painter:
    """One process that draws. `close` ends it; after that the next chart starts another."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[Chart, bytes] = OrderedDict()

    async def png(self, chart: Chart) -> bytes:
        """The chart as PNG. Raises `TryAgain` when it cannot be drawn now."""
        async with self._turn:
            picture = self._kept.get(chart) or await self._drawn(chart)
            self._kept[chart] = picture
            self._kept.move_to_end(chart)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return picture

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _drawn(self, chart: Chart) -> bytes:
        try:
            async with asyncio.timeout(DRAW_S):
                return await self._asked(chart)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            _log.warning("chart_not_drawn", kind=type(error).__name__)
            await self.close()
            raise TryAgain("try_again.channel", kind=type(error).__name__) from None
        except asyncio.CancelledError:
            # Its answer would be taken for the next one's.
            await self.close()
            raise

    async def _asked(self, chart: Chart) -> bytes:
        if self._process is None or self._process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.rendering.painter", stdin=pipe, stdout=pipe
            )
        going, coming = self._process.stdin, self._process.stdout
        if going is None or coming is None:
            raise OSError("no pipes")
        going.write(json.dumps(to_json(chart)).encode() + b"\n")
        await going.drain()
        (length,) = _LENGTH.unpack(await coming.readexactly(_LENGTH.size))
        if not 0 < length <= MOST_BYTES:
            raise ValueError("a picture of that size")
        return await coming.readexactly(length)


def serve(coming: BinaryIO, going: BinaryIO) -> None:
    """Draws what comes until nothing does."""
    for line in coming:
        chart = from_json(json.loads(line))
        if not isinstance(chart, Chart):
            raise TypeError("only charts are drawn")
        picture = png(chart)
        going.write(_LENGTH.pack(len(picture)) + picture)
        going.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
