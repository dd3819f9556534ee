"""The seam between our collections and MongoDB's two asyncio drivers, so that neither is named anywhere else.

motor is the default, PyMongo's own asyncio client (its successor) is `native`. Both are wrapped alike: the same calls,
the same three kinds of trouble, and neither findAndModify nor transactions, because a conditional update and its count
do the same and stay fast.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from bson.codec_options import CodecOptions
from pymongo.asynchronous.mongo_client import AsyncMongoClient
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from prepaid.storage.driver_errors import BulkCounts, DuplicateKey, bulk_counts, reading, writing

__all__ = ["BulkCounts", "Collection", "Database", "Document", "DriverName", "DuplicateKey", "connect"]

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]
DriverName = Literal["motor", "native"]

SERVER_SELECTION_TIMEOUT_MS: Final = 3_000
SOCKET_TIMEOUT_MS: Final = 5_000
POOL_SIZE_MAX: Final = 48
MOTOR_WORKERS: Final = "64"
"""motor runs each call on a thread; its own default of five per core lets a few slow calls starve all others."""

WRITE_TIMEOUT_MS: Final = 4_000
"""Below the socket's timeout, so that the server reports a lagging majority before the link looks dead."""

MAJORITY: Final = WriteConcern(w="majority", wtimeout=WRITE_TIMEOUT_MS)
DURABLE: Final = WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS)
COMMITTED: Final = ReadConcern("majority")
NAIVE: Final = CodecOptions[dict[str, Any]](tz_aware=False)

_NAMESPACE_EXISTS: Final = 48
_OTHER_OPTIONS: Final = frozenset({85, 86})
"""IndexOptionsConflict and IndexKeySpecsConflict."""


class UpdateCounts:
    """What a conditional update did. Check it: the condition is the lock."""

    __slots__ = ("matched_count", "modified_count", "upserted_id")

    def __init__(self, raw: Any) -> None:
        self.matched_count: int = raw.matched_count
        self.modified_count: int = raw.modified_count
        self.upserted_id: Any = raw.upserted_id


class Collection:
    """One collection. Reads raise `TryAgain`; writes raise `TryAgain`, `Unknown` or `DuplicateKey`."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @property
    def name(self) -> str:
        """The collection's name."""
        return str(self._raw.name)

    @property
    def write_concern(self) -> WriteConcern:
        """What an acknowledgement of this collection means."""
        concern: WriteConcern = self._raw.write_concern
        return concern

    @property
    def read_concern(self) -> ReadConcern:
        """Which data a read of this collection may see."""
        concern: ReadConcern = self._raw.read_concern
        return concern

    def with_options(
        self, *, write_concern: WriteConcern | None = None, read_concern: ReadConcern | None = None
    ) -> Collection:
        """The same collection under other concerns."""
        return Collection(self._raw.with_options(write_concern=write_concern, read_concern=read_concern))

    async def insert_one(self, document: Filter) -> None:
        """Inserts a document that carries its own `_id`."""
        with writing():
            await self._raw.insert_one(dict(document))

    async def insert_many(self, documents: Iterable[Filter], *, ordered: bool = True) -> BulkCounts:
        """Inserts documents. Ordered: the first duplicate stops it and raises; unordered: duplicates are reported."""
        copies = [dict(document) for document in documents]
        with writing(), bulk_counts(ordered=ordered) as counts:
            result = await self._raw.insert_many(copies, ordered=ordered)
            counts.inserted_count = len(result.inserted_ids)
        return counts

    async def bulk_write(self, operations: Sequence[Any], *, ordered: bool = False) -> BulkCounts:
        """Runs pymongo operations (`UpdateOne` and its kin). Duplicates as in `insert_many`."""
        with writing(), bulk_counts(ordered=ordered) as counts:
            result = await self._raw.bulk_write(list(operations), ordered=ordered)
            counts.take(result.bulk_api_result)
        return counts

    async def update_one(
        self, query: Filter, update: Update, *, upsert: bool = False, array_filters: Sequence[Filter] | None = None
    ) -> UpdateCounts:
        """Updates the one document that still meets `query`; the counts say whether it did."""
        with writing():
            return UpdateCounts(
                await self._raw.update_one(query, update, upsert=upsert, array_filters=array_filters),
            )

    async def update_many(
        self, query: Filter, update: Update, *, array_filters: Sequence[Filter] | None = None
    ) -> UpdateCounts:
        """Updates every document that meets `query`. Not retried by the driver, so make it idempotent."""
        with writing():
            return UpdateCounts(await self._raw.update_many(query, update, array_filters=array_filters))

    async def delete_one(self, query: Filter) -> int:
        """Deletes one document; returns how many were."""
        with writing():
            result = await self._raw.delete_one(query)
            return int(result.deleted_count)

    async def delete_many(self, query: Filter) -> int:
        """Deletes every document that meets `query`; returns how many were."""
        with writing():
            result = await self._raw.delete_many(query)
            return int(result.deleted_count)

    async def create_index(self, keys: str | Sequence[tuple[str, int]], **options: Any) -> str:
        """Creates an index, or finds that it is there. Options are pymongo's: `unique`, `partialFilterExpression`...

        One that is there and keeps rows for another time is given the new time, as an upgrade may want it.
        """
        with writing():
            try:
                return str(await self._raw.create_index(keys, **options))
            except OperationFailure as error:
                if error.code not in _OTHER_OPTIONS or "expireAfterSeconds" not in options:
                    raise
            pattern = {keys: 1} if isinstance(keys, str) else dict(keys)
            index = {"keyPattern": pattern, "expireAfterSeconds": options["expireAfterSeconds"]}
            await self._raw.database.command({"collMod": self.name, "index": index})
            return str(options.get("name", "_".join(f"{field}_{order}" for field, order in pattern.items())))

    async def find_one(
        self, query: Filter, projection: Filter | None = None, *, sort: Sort | None = None
    ) -> Document | None:
        """The first match."""
        with reading():
            found: Document | None = await self._raw.find_one(query, projection, sort=sort)
            return found

    async def find(
        self,
        query: Filter,
        projection: Filter | None = None,
        *,
        sort: Sort | None = None,
        limit: int = 0,
        batch_size: int = 0,
    ) -> AsyncGenerator[Document, None]:
        """Streams matches. Leave it early only under `contextlib.aclosing`, so that the cursor ends with it."""
        cursor = self._raw.find(query, projection, sort=sort, limit=limit, batch_size=batch_size)
        async for document in _drained(cursor):
            yield document

    async def find_list(
        self, query: Filter, projection: Filter | None = None, *, sort: Sort | None = None, limit: int
    ) -> list[Document]:
        """At most `limit` matches in memory, a batch at a time, which costs far less than one by one."""
        with reading():
            cursor = self._raw.find(query, projection, sort=sort, limit=limit, batch_size=limit)
            try:
                found: list[Document] = await cursor.to_list(limit)
            finally:
                if cursor.alive:
                    await _settled(cursor.close())
            return found

    async def aggregate(self, pipeline: Sequence[Filter], *, batch_size: int = 0) -> AsyncGenerator[Document, None]:
        """Streams what a pipeline gives. Never name a field inside an array as `"$lines.v"`: unwind it."""
        options = {"batchSize": batch_size} if batch_size else {}
        with reading():
            cursor = await _settled(self._raw.aggregate(list(pipeline), **options))
        async for document in _drained(cursor):
            yield document

    async def aggregate_list(self, pipeline: Sequence[Filter]) -> list[Document]:
        """The same in memory, for pipelines that give few documents."""
        with reading():
            cursor = await _settled(self._raw.aggregate(list(pipeline)))
            try:
                found: list[Document] = await cursor.to_list(None)
            finally:
                if cursor.alive:
                    await _settled(cursor.close())
            return found

    async def count_documents(self, query: Filter, *, limit: int = 0) -> int:
        """How many match; counting stops at `limit` if one is given."""
        options = {"limit": limit} if limit else {}
        with reading():
            return int(await self._raw.count_documents(query, **options))


class Database:
    """A database and the client it came from."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._raw = client[name]

    @property
    def name(self) -> str:
        """The database's name."""
        return str(self._raw.name)

    def collection(self, name: str, *, durable: bool = False, naive: bool = False) -> Collection:
        """A collection acknowledged by the majority; `durable` waits for the journal too and reads committed data.

        `naive` reads times as UTC without saying so: giving each its zone takes more than half of a page's decoding.
        """
        concerns: dict[str, Any] = {"write_concern": DURABLE if durable else MAJORITY}
        concerns["read_concern"] = COMMITTED if durable else None
        if naive:
            concerns["codec_options"] = NAIVE
        return Collection(self._raw.get_collection(name, **concerns))

    async def ensure_collection(self, name: str, *, validator: Filter | None = None) -> None:
        """Creates the collection, or gives the one that is there the same validator."""
        rules = {} if validator is None else {"validator": validator, "validationLevel": "strict"}
        try:
            await self.command({"create": name, **rules})
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            if rules:
                await self.command({"collMod": name, **rules})

    async def command(self, command: Filter) -> Document:
        """Runs a database command that may change something."""
        with writing():
            answer: Document = await self._raw.command(dict(command))
            return answer

    async def collection_names(self) -> list[str]:
        """The collections that are there, without the server's own."""
        with reading():
            names = await self._raw.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    async def ping(self) -> None:
        """Asks for a sign of life. Raises `TryAgain`."""
        with reading():
            await self._raw.command("ping")

    async def time(self) -> datetime:
        """The server's wall clock. Raises `TryAgain`."""
        with reading():
            answer = await self._raw.command("hello")
        at: datetime = answer["localTime"]
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    async def drop(self) -> None:
        """Drops the whole database. For tests and the sandbox."""
        with writing():
            await self._client.drop_database(self.name)

    async def close(self) -> None:
        """Closes every connection."""
        await _settled(self._client.close())


def connect(
    uri: str,
    database: str,
    *,
    driver: DriverName = "motor",
    pool_size_max: int = POOL_SIZE_MAX,
    server_selection_timeout_ms: int = SERVER_SELECTION_TIMEOUT_MS,
    socket_timeout_ms: int = SOCKET_TIMEOUT_MS,
    listeners: Sequence[CommandListener] = (),
) -> Database:
    """A database behind `uri`. Call it inside the running loop; nothing is sent before the first use.

    Options set here win over the URI's, so that every wait is bounded: a call ends after at most two socket timeouts
    (the drivers try once more by themselves, writes unless the URI says `retryWrites=false`) and one server selection.
    `listeners` hear each command, for metrics.
    """
    asyncio.get_running_loop()
    options: dict[str, Any] = {
        "appname": "chatwatt",
        "tz_aware": True,
        "tzinfo": UTC,
        "retryReads": True,
        "serverSelectionTimeoutMS": server_selection_timeout_ms,
        "connectTimeoutMS": server_selection_timeout_ms,
        "socketTimeoutMS": socket_timeout_ms,
        "waitQueueTimeoutMS": server_selection_timeout_ms,
        "maxPoolSize": pool_size_max,
        "maxConnecting": 8,
        "event_listeners": list(listeners),
    }
    client: Any = AsyncMongoClient(uri, **options) if driver == "native" else _motor_client(uri, options)
    return Database(client, database)


def _motor_client(uri: str, options: Mapping[str, Any]) -> Any:
    # motor reads the number of its threads once, when it is imported, so the import waits until it is set.
    os.environ.setdefault("MOTOR_MAX_WORKERS", MOTOR_WORKERS)
    from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415

    return AsyncIOMotorClient(uri, io_loop=asyncio.get_running_loop(), **options)


async def _settled(value: Any) -> Any:
    # The same call is plain in one driver and awaitable in the other.
    return await value if inspect.isawaitable(value) else value


async def _drained(cursor: Any) -> AsyncGenerator[Document, None]:
    try:
        while True:
            with reading():
                try:
                    document = await anext(cursor)
                except StopAsyncIteration:
                    return
            yield document
    finally:
        if cursor.alive:  # One that gave all is closed already, and closing costs a way through a thread.
            await _settled(cursor.close())
