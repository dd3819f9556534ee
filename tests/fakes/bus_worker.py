"""A worker as a process of its own, over stores that are given, to be killed and stopped from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pydantic import SecretStr

from chatwatt.embedded import StoreUris
from chatwatt.house import until_signal
from chatwatt.settings import Settings
from chatwatt.wiring import open_runtime
from meters.worker import Worker

LOOK_EVERY_S = 0.05


@dataclass(slots=True)
class BusWorker:
    """One worker process."""

    process: asyncio.subprocess.Process

    def stop(self) -> None:
        """It stands still, as a machine that is suspended."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It wakes and does not know how long it slept."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """It is gone without a word."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def bus_worker(stores: StoreUris, redis_url: str, database: str, name: str) -> AsyncIterator[BusWorker]:
    """Starts one; on the way out it is killed, whatever state it is in."""
    words = ("-m", "tests.fakes.bus_worker", stores.mongodb_uri, redis_url, database, name)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CHATWATT_")}
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=nowhere, env=environment)
    worker = BusWorker(process)
    try:
        yield worker
    finally:
        await worker.kill()


async def until(true: Callable[[], object], *, within_s: float) -> None:
    """Returns when `true` is. What other processes do tells nobody here, so it is looked at again and again."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)


async def until_it(true: Callable[[], Awaitable[object]], *, within_s: float) -> None:
    """As `until`, for what must be asked of a store."""
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)


async def _main(mongodb_uri: str, redis_url: str, database: str, name: str) -> None:
    settings = Settings(
        mongodb_uri=SecretStr(mongodb_uri), redis_url=SecretStr(redis_url), database=database, owner=name
    )
    async with open_runtime(settings) as runtime, until_signal() as stop:
        await Worker(runtime.business({}), owner=runtime.owner).run(stop)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_main(*sys.argv[1:5]))
