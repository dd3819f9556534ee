"""Databases that one test hands on to the next, empty but with every collection, rule and index in place.

Making them takes the embedded server ten times as long as emptying them, and a suite of hundreds of tests feels it.
What this process wrote is known from the driver's own events, so that only that has to be emptied.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from pymongo import monitoring

from prepaid.storage.driver import Database, DriverName, connect
from prepaid.storage.mongo import open_store
from tests.fakes.clock import ManualClock

KEPT = frozenset({"schema_migrations"})
"""Says that the database is migrated, which it stays."""

NEVER_S = 2_000_000_000
"""Sixty years."""
WRITES = frozenset({"insert", "update", "delete"})
ROWS_EMPTIED_MOST = 200
"""Taking away so many rows costs the server as much as making a new database, which is done only for one who asks."""


class Written(monitoring.CommandListener):
    """The collections that this process has written to, by database."""

    def __init__(self) -> None:
        self.collections: dict[str, set[str]] = {}
        self.rows: Counter[str] = Counter()
        """Rows inserted, by database."""
        self.indexed: set[str] = set()
        """Databases whose indexes were made anew, those that expire rows among them."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Takes down a write."""
        if event.command_name == "createIndexes":
            self.indexed.add(event.database_name)
        if event.command_name == "insert":
            self.rows[event.database_name] += len(event.command["documents"])
        if event.command_name in WRITES:
            self.collections.setdefault(event.database_name, set()).add(str(event.command[event.command_name]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing new: it was sent."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It may have been done all the same."""


WRITTEN = Written()
monitoring.register(WRITTEN)


class Databases:
    """The databases of one test process that stand ready. A test that fails still hands its own back, emptied."""

    def __init__(self, uri: str, driver: DriverName) -> None:
        self._uri = uri
        self._driver = driver
        self._ready: list[str] = []
        self._left: list[str] = []
        self._shared: set[str] = set()

    async def lend(self) -> Database:
        """An empty, migrated database, connected in this loop."""
        if self._ready:
            return self._connect(self._ready.pop())
        database = self._connect(f"test_{secrets.token_hex(6)}")
        await open_store(database, ManualClock())
        await _keep_for_ever(database)
        return database

    async def take_back(self, database: Database) -> None:
        """Empties it for the next test, and closes the connection."""
        written = WRITTEN.collections.pop(database.name, set())
        if WRITTEN.rows.pop(database.name, 0) > ROWS_EMPTIED_MOST and database.name not in self._shared:
            self._left.append(database.name)
            await database.close()
            return
        names = set(await database.collection_names()) if database.name in self._shared else written
        if database.name in self._shared | WRITTEN.indexed:
            await _keep_for_ever(database)
        self._shared.discard(database.name)
        await asyncio.gather(*(_empty(database, name) for name in sorted(names - KEPT)))
        self._ready.append(database.name)
        await database.close()

    def share(self, database: Database) -> None:
        """Other processes write to it as well: all of it is looked through before the next test has it."""
        self._shared.add(database.name)

    async def drop(self) -> None:
        """Leaves nothing behind."""
        for name in (*self._ready, *self._left):
            database = self._connect(name)
            await database.drop()
            await database.close()

    def _connect(self, name: str) -> Database:
        return connect(self._uri, name, driver=self._driver)


async def _keep_for_ever(database: Database) -> None:
    """The server expires rows once a minute by the machine's clock, and the tests have one of their own, long past."""
    for name in await database.collection_names():
        answer = await database.command({"listIndexes": name})
        for index in answer["cursor"]["firstBatch"]:
            if "expireAfterSeconds" in index:
                kept = {"name": index["name"], "expireAfterSeconds": NEVER_S}
                await database.command({"collMod": name, "index": kept})
    WRITTEN.indexed.discard(database.name)


async def _empty(database: Database, name: str) -> None:
    rows = database.collection(name)
    # Asking costs the server a tenth of what deleting nothing does.
    if await rows.find_one({}, {"_id": 1}) is not None:
        await rows.delete_many({})


async def is_migrated(database: Database) -> bool:
    """Whether every collection and index is in place already."""
    return await database.collection("schema_migrations").find_one({}, {"_id": 1}) is not None
