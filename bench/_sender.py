"""A payment provider's side of the line in a process of its own, so that its work is not taken for ours.

It reads one JSON line for each job (`url`, `file` with a message a line, `at_once`, `per_s` or null) and answers each
with one line: how long every answer took, and how many were a yes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

ANSWER_S_MAX = 30.0


async def main() -> None:
    """Works jobs until its input ends."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX), connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            answer = await _send(session, json.loads(line))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


async def _send(session: aiohttp.ClientSession, job: dict[str, Any]) -> dict[str, Any]:
    written = await asyncio.to_thread(Path(job["file"]).read_text, "ascii")
    messages = [json.loads(line) for line in written.splitlines()]
    room, took_ms = asyncio.Semaphore(job["at_once"]), list[float]()
    yes = 0

    async def one(message: Sequence[Any]) -> None:
        nonlocal yes
        async with room:
            began = time.perf_counter()
            body = base64.b64decode(message[1])
            async with session.post(job["url"], data=body, headers=message[0]) as answer:
                yes += answer.status in range(200, 300)
            took_ms.append((time.perf_counter() - began) * 1000)

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number, message in enumerate(messages):
            if job["per_s"]:
                await asyncio.sleep(began + number / job["per_s"] - loop.time())
            group.create_task(one(message))
    return {"took_ms": took_ms, "yes": yes}


if __name__ == "__main__":
    asyncio.run(main())
