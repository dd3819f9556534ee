"""Asks one address over kept-alive connections, from a process of its own: `python -m bench._http_load` prints JSON.

It reads what to do as JSON from its arguments: host, port, the head of the request, connections, seconds, and a rate a
second or 0 for as fast as answers come.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Took:
    """Milliseconds of each answer, from when it was due, and answers that were not well."""

    ms: list[float] = field(default_factory=list)
    wrong: int = 0


async def ask(what: dict[str, Any]) -> dict[str, Any]:
    """The whole load."""
    took, started = Took(), time.perf_counter()
    connections, rate = int(what["connections"]), float(what["rate"])
    gap_s = connections / rate if rate else 0.0
    end = started + float(what["seconds"])
    await asyncio.gather(*(_one(what, took, started + gap_s * i / connections, end, gap_s) for i in range(connections)))
    wall_s = time.perf_counter() - started
    return {"per_s": len(took.ms) / wall_s, "ms": [round(each, 3) for each in took.ms], "wrong": took.wrong}


async def _one(what: dict[str, Any], took: Took, due: float, end: float, gap_s: float) -> None:
    reader, writer = await asyncio.open_connection(what["host"], what["port"])
    request = str(what["request"]).encode()
    asked = 0
    while (now := time.perf_counter()) < end or not asked:
        asked += 1
        if gap_s:
            if due > now:
                await asyncio.sleep(due - now)
            since, due = due, due + gap_s
        else:
            since = now
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        took.ms.append((time.perf_counter() - since) * 1e3)
        took.wrong += not head.startswith(b"HTTP/1.1 200")
    writer.close()


def main() -> int:
    """Runs on the fast loop if there is one."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        run = asyncio.run
    else:
        run = uvloop.run
    print(json.dumps(run(ask(json.loads(sys.argv[1])))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
