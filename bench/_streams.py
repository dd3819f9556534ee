"""Browsers that listen to news, in a process of their own: `python -m bench._streams` reads what to do as JSON.

It opens a stream for each cookie and then prints a line; for each line that it is sent it waits until every stream has
heard the next figures, and prints how many bytes one of them was.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

READ_WITHIN_S = 60.0
FIGURES = b"event: figures"
MOST = 1 << 20


async def listen(what: dict[str, Any]) -> None:
    """Until its input ends."""
    streams = [await _open(what, cookie) for cookie in what["cookies"]]
    print("open", flush=True)
    loop = asyncio.get_running_loop()
    while (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        async with asyncio.timeout(READ_WITHIN_S):
            sizes = await asyncio.gather(*(_heard(reader) for reader, _ in streams))
        print(max(sizes), flush=True)
    for _, writer in streams:
        writer.close()


async def _open(what: dict[str, Any], cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(what["host"], what["port"], limit=MOST)
    writer.write(f"GET {what['path']} HTTP/1.1\r\nHost: {what['host']}\r\nCookie: {cookie}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.split(b"\r\n")[0].decode())
    return reader, writer


async def _heard(reader: asyncio.StreamReader) -> int:
    """The size of the next event of figures; others are passed over."""
    while True:
        event = await reader.readuntil(b"\n\n")
        if FIGURES in event:
            return len(event)


def main() -> int:
    """Runs until the parent is done."""
    asyncio.run(listen(json.loads(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
