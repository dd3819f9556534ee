"""Whole collections as lines of extended JSON, in an order that makes a backup of a running system consistent.

What follows an entry (an order that is credited, a watermark that moved, a cached head) is read before the entries, so
that nothing in a backup is ahead of its ledger. The rest of the difference is what a crash would have left, and the
sweepers finish that. What an entry names is fetched after it, so that nothing in the ledger points to nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import json_util

from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Audit
from prepaid.storage.driver import Collection, Database, Document
from prepaid.storage.ledger import entry_from_doc

ENTRIES = "entries"
CLAIMS = "provider_transactions"
ORDERS = "orders"
NOT_KEPT = frozenset({"leases", "notice_lanes", "schema_migrations"})
"""Who owns what now, and what this database has been through: both are the new database's own."""
BATCH = 500


@dataclass(slots=True)
class Dump:
    """One pass over a database. `audit` has replayed every entry that was read."""

    database: Database
    audit: Audit = field(default_factory=Audit)
    _orders: set[str] = field(default_factory=set)
    _named: set[str] = field(default_factory=set)

    async def collections(self) -> Sequence[str]:
        """The names in the order in which they must be read."""
        found = set(await self.database.collection_names()) - NOT_KEPT
        last = [name for name in (ENTRIES, CLAIMS) if name in found]
        return [*sorted(found - {ENTRIES, CLAIMS}), *last]

    async def lines(self, name: str) -> AsyncIterator[str]:
        """The documents of one collection; ask for them in the order of `collections`."""
        rows = self.database.collection(name, durable=True)
        if name == ENTRIES:
            documents = self._entries(rows)
        elif name == CLAIMS:
            documents = self._claims(rows)
        else:
            documents = rows.find({}, batch_size=BATCH)
        async for document in documents:
            if name == ORDERS:
                self._orders.add(document["_id"])
            yield to_line(document)

    async def named_orders(self) -> AsyncIterator[str]:
        """Orders that an entry names and that were made after the orders were read."""
        rows = self.database.collection(ORDERS, durable=True)
        for order_id in sorted(self._named - self._orders):
            document = await rows.find_one({"_id": order_id})
            if document is not None:
                self._orders.add(order_id)
                yield to_line(document)

    async def _entries(self, rows: Collection) -> AsyncIterator[Document]:
        """Account by account in order of `seq`: each chain is whole up to where it ended when it was read."""
        accounts = sorted([row["_id"] async for row in rows.aggregate([{"$group": {"_id": "$acc"}}])])
        for account_id in accounts:
            chain = [document async for document in rows.find({"acc": account_id})]
            for document in sorted(chain, key=lambda each: int(each["seq"])):
                self.audit.feed((entry_from_doc(document),))
                if "order" in document["ref"]:
                    self._named.add(str(document["ref"]["order"]))
                yield document

    async def _claims(self, rows: Collection) -> AsyncIterator[Document]:
        """A claim comes before its entry; one for an order that is too young for this backup is left out with it."""
        async for document in rows.find({}, batch_size=BATCH):
            if document["order_id"] in self._orders:
                yield document


def to_line(document: Document) -> str:
    """Canonical extended JSON: every type of the store survives."""
    return json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False)


def from_line(line: str) -> Document:
    """A document as it was."""
    document: Document = json_util.loads(line, json_options=_OPTIONS)
    return document


_OPTIONS: Any = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)


async def check_empty(database: Database) -> None:
    """Raises `Refused("refused.not_empty")` if there is any document that a restore could collide with."""
    for name in sorted(set(await database.collection_names()) - NOT_KEPT):
        if await database.collection(name, durable=True).count_documents({}, limit=1):
            raise Refused("refused.not_empty", collection=name)


async def load(database: Database, name: str, lines: Iterable[str]) -> int:
    """Inserts the documents of one collection; returns how many."""
    rows = database.collection(name, durable=True)
    batch: list[Document] = []
    count = 0
    for line in lines:
        batch.append(from_line(line))
        if len(batch) == BATCH:
            count += (await rows.insert_many(batch)).inserted_count
            batch = []
    if batch:
        count += (await rows.insert_many(batch)).inserted_count
    return count
