"""A loop and a database for machines that Hypothesis drives step by step: one of each for a whole test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from chatwatt.embedded import StoreUris
from prepaid.storage.driver import Database, DriverName, connect

T = TypeVar("T")


class Rig:
    """Runs coroutines to their end on its own loop. Every example takes names of its own, so none sees another."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database) -> None:
        self._loop = loop
        self.database = database
        self._names = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """One step."""
        return self._loop.run_until_complete(work)

    def both(self, *work: Coroutine[Any, Any, object]) -> list[object]:
        """Several at once; what they raise is among the answers."""

        async def together() -> list[object]:
            return list(await asyncio.gather(*work, return_exceptions=True))

        return self.run(together())

    def name(self) -> int:
        """A number that no other example has."""
        self._names += 1
        return self._names


@contextmanager
def rig(store_uris: StoreUris, driver_name: DriverName) -> Iterator[Rig]:
    """Opens and closes."""
    loop = asyncio.new_event_loop()

    async def opened() -> Database:
        return connect(store_uris.mongodb_uri, f"test_{secrets.token_hex(6)}", driver=driver_name)

    database = loop.run_until_complete(opened())
    try:
        yield Rig(loop, database)
    finally:
        loop.run_until_complete(database.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
