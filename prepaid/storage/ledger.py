"""The journal: one document is one commit.

Two unique indexes do everything: `(acc, idem)` makes an effect single for ever, `(acc, seq)` makes the chain dense and
is the optimistic lock. The row in `ledger_heads` is only a cache and is repaired from the entries behind it.
See docs/adr/0001-one-document-is-one-commit.md.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from bson import Int64
from pymongo import UpdateOne

from prepaid.domain.credit import NOTHING_ASIDE, Aside
from prepaid.domain.errors import InvariantBroken, Refused, Unknown
from prepaid.domain.ledger import REVENUE, Entry, Head, Kind, Line, Posting, chain, same_request
from prepaid.domain.tariffs import Utility
from prepaid.ports import Clock, LedgerColumns, LedgerSpan
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.ledger_spans import span_of

ATTEMPTS = 60
"""Tries at the same account before contention is called trouble."""
STRIPES = 256
HEADS_KEPT = 20_000
ROWS_A_PAGE = 2000
"""Each page costs a call of the driver, about what reading five hundred rows costs."""
ROW_FIELDS = {"_id": 0, "at": 1, "kind": 1, "delta": 1, "ref.lines": 1}
_NAIVE = datetime(2020, 1, 1)  # noqa: DTZ001 - as the driver gives instants here: in UTC, without saying so
_AWARE = _NAIVE.replace(tzinfo=UTC)
"""Adding a difference takes a sixteenth of the time of `replace`, which a year of entries feels."""
_COLUMNS = {
    "_id": None,
    "entries": {"$sum": 1},
    "ats": {"$push": "$at"},
    "kinds": {"$push": "$kind"},
    "deltas": {"$push": "$delta"},
    "lines": {"$push": {"$ifNull": ["$ref.lines", ""]}},
}
"""A row of its fields in order, made without a call of Python's for each."""
NO_REF: Document = {}
_LEDGER_ACCOUNTS = {"$map": {"input": "$lines", "as": "line", "in": "$$line.a"}}
_COLUMNS_WITH_WATERS = {**_COLUMNS, "waters": {"$push": {"$in": [f"{REVENUE}{Utility.WATER}", _LEDGER_ACCOUNTS]}}}

_SUM_OF_LINES = {"$reduce": {"input": "$lines", "initialValue": 0, "in": {"$add": ["$$value", "$$this.v"]}}}
VALIDATOR: dict[str, Any] = {
    "$and": [
        {
            "$jsonSchema": {
                "required": ["acc", "seq", "idem", "req", "kind", "lines", "delta", "bal", "at", "prev", "hash"],
                "properties": {
                    "seq": {"bsonType": "long", "minimum": 1},
                    "delta": {"bsonType": "long"},
                    "bal": {"bsonType": "long"},
                    "lines": {
                        "bsonType": "array",
                        "minItems": 2,
                        "items": {"required": ["a", "v"], "properties": {"v": {"bsonType": "long"}}},
                    },
                },
            }
        },
        {"$expr": {"$eq": [_SUM_OF_LINES, 0]}},
    ]
}


class MongoLedger:
    """Implements `prepaid.ports.Ledger`. The in-process heads and locks only save collisions; the indexes decide."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._entries = database.collection("entries", durable=True)
        self._rows = database.collection("entries", durable=True, naive=True)
        self._heads = database.collection("ledger_heads")
        self._clock = clock
        self._known: dict[str, Head] = {}
        self._locks = [asyncio.Lock() for _ in range(STRIPES)]

    async def migrate(self) -> None:
        """Creates the collection, its validator and its indexes."""
        await self._database.ensure_collection("entries", validator=VALIDATOR)
        await self._entries.create_index([("acc", 1), ("seq", 1)], unique=True)
        await self._entries.create_index([("acc", 1), ("idem", 1)], unique=True)
        await self._entries.create_index([("at", 1)])
        await self._entries.create_index([("acc", 1), ("at", 1)])

    async def post(self, posting: Posting) -> Entry:
        """Commits once per `idem`. Lost answers are resolved by the key, never by posting under another."""
        async with self._locks[hash(posting.account_id) % STRIPES]:
            for attempt in range(ATTEMPTS):
                entry = await self._attempt(posting, attempt)
                if entry is not None:
                    return entry
                await asyncio.sleep(random.random() * min(0.2, 0.002 * 1.4**attempt))  # noqa: S311 - jitter
        raise Unknown("unknown.store")

    async def post_many(self, postings: Sequence[Posting]) -> Sequence[Entry | Refused]:
        """One bulk for what goes well; whatever met another's entry, or lost its answer, is posted one by one."""
        entries = await self._chained(postings)
        committed = await self._insert(list(entries.values()))
        await self._remember_many(committed)
        done = {(entry.account_id, entry.idem): entry for entry in committed}
        return [done.get((each.account_id, each.idem)) or await self._refusable(each) for each in postings]

    async def _chained(self, postings: Sequence[Posting]) -> dict[str, Entry]:
        """What each would become. A posting that is refused for now is left to `post`, which looks more closely."""
        unknown = [posting.account_id for posting in postings if posting.account_id not in self._known]
        heads = {**self._known, **await self.cached(unknown)} if unknown else self._known
        now = self._clock.now()
        entries: dict[str, Entry] = {}
        for posting in postings:
            if posting.account_id not in entries:
                with suppress(Refused):
                    entries[posting.account_id] = chain(posting, heads.get(posting.account_id, Head()), now)
        return entries

    async def _insert(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that were committed for certain."""
        if not entries:
            return []
        lost: Sequence[int] = range(len(entries))
        with suppress(Unknown):
            counts = await self._entries.insert_many([entry_to_doc(entry) for entry in entries], ordered=False)
            lost = counts.duplicates
        for place in lost:
            self._known.pop(entries[place].account_id, None)
        return [entry for place, entry in enumerate(entries) if place not in lost]

    async def _refusable(self, posting: Posting) -> Entry | Refused:
        try:
            return await self.post(posting)
        except Refused as refused:
            return refused

    async def _remember_many(self, entries: Sequence[Entry]) -> None:
        """As `_remember`, in one bulk."""
        if len(self._known) + len(entries) > HEADS_KEPT:
            self._known.clear()
        self._known |= {entry.account_id: entry.head for entry in entries}
        if entries:
            with suppress(Unknown):
                await self._heads.bulk_write([UpdateOne(*_newer(entry), upsert=True) for entry in entries])

    async def _attempt(self, posting: Posting, attempt: int) -> Entry | None:
        """The committed entry, or None when somebody else took our place in the chain."""
        acc = posting.account_id
        head = self._known.get(acc) if attempt == 0 else None
        try:
            entry = chain(posting, head or await self._read_head(acc), self._clock.now())
        except Refused:
            stored = await self.by_idem(acc, posting.idem)
            if stored is not None:
                return same_request(stored, posting)
            if head is not None:
                return None
            raise
        try:
            await self._entries.insert_one(entry_to_doc(entry))
        except (DuplicateKey, Unknown):
            self._known.pop(acc, None)
            stored = await self.by_idem(acc, posting.idem)
            return None if stored is None else same_request(stored, posting)
        await self._remember(entry)
        return entry

    async def _remember(self, entry: Entry) -> None:
        if len(self._known) >= HEADS_KEPT:
            self._known.clear()
        self._known[entry.account_id] = entry.head
        try:
            await self._heads.update_one(*_newer(entry), upsert=True)
        except (DuplicateKey, Unknown):
            return  # Somebody's newer head is there, or the cache lags: the entries behind it are read anyway.

    async def head(self, account_id: str) -> Head:
        """From the cached row and whatever entries lie behind it."""
        return await self._read_head(account_id)

    async def _read_head(self, account_id: str) -> Head:
        row = await self._heads.find_one({"_id": account_id})
        head = _head_from(row) if row else Head()
        query = {"acc": account_id, "seq": {"$gt": head.seq}}
        behind = [document async for document in self._entries.find(query)]
        return entry_from_doc(max(behind, key=_seq)).head if behind else head

    async def cached(self, account_ids: Sequence[str]) -> Mapping[str, Head]:
        """The cached rows in one query. Reading what lies behind them would cost a query for each account."""
        if not account_ids:
            return {}
        rows = self._heads.find({"_id": {"$in": list(account_ids)}})
        found = {row["_id"]: _head_from(row) async for row in rows}
        return {account_id: found.get(account_id, Head()) for account_id in account_ids}

    async def by_idem(self, account_id: str, idem: str) -> Entry | None:
        """The entry with that key."""
        document = await self._entries.find_one({"acc": account_id, "idem": idem})
        return None if document is None else entry_from_doc(document)

    async def latest(self, account_id: str, limit: int, *, before_seq: int | None = None) -> Sequence[Entry]:
        """Newest first; the range of `seq` bounds the query."""
        end = (await self._read_head(account_id)).seq + 1 if before_seq is None else before_seq
        query = {"acc": account_id, "seq": {"$gte": end - limit, **({} if before_seq is None else {"$lt": end})}}
        found = [entry_from_doc(document) async for document in self._entries.find(query)]
        return sorted(found, key=lambda entry: -entry.seq)

    async def entry(self, account_id: str, seq: int) -> Entry | None:
        """One entry by its place in the chain."""
        document = await self._entries.find_one({"acc": account_id, "seq": seq})
        return None if document is None else entry_from_doc(document)

    async def columns(
        self, account_id: str, first_seq: int, last_seq: int, *, waters: bool = False
    ) -> AsyncIterator[LedgerColumns]:
        """Pages by ranges of `seq`, each with only the fields that a statement shows.

        The store puts them into columns: one document for a page is read in half the time of a thousand.
        """
        fields = _COLUMNS_WITH_WATERS if waters else _COLUMNS
        for first in range(first_seq, last_seq + 1, ROWS_A_PAGE):
            until = min(first + ROWS_A_PAGE, last_seq + 1)
            query = {"acc": account_id, "seq": {"$gte": first, "$lt": until}}
            steps: list[Mapping[str, Any]] = [{"$match": query}, {"$sort": {"seq": 1}}, {"$group": fields}]
            pages = [page async for page in self._rows.aggregate(steps)]
            if sum(page["entries"] for page in pages) != until - first:
                raise InvariantBroken(f"account {account_id} lacks an entry between {first} and {until}")
            for page in pages:
                ats = [_AWARE + (at - _NAIVE) for at in page["ats"]]
                yield LedgerColumns(first, ats, page["kinds"], page["deltas"], page["lines"], page.get("waters", ()))

    async def between(self, account_id: str, since: datetime, until: datetime) -> LedgerSpan:
        """By the time of posting."""
        return await span_of(self._rows, {"acc": account_id, "at": {"$gte": since, "$lt": until}})

    async def span(self, account_id: str, first_seq: int, until_seq: int) -> LedgerSpan:
        """By the places in the chain."""
        return await span_of(self._rows, {"acc": account_id, "seq": {"$gte": first_seq, "$lt": until_seq}})

    async def moves(self, account_id: str, seqs: Sequence[int]) -> Sequence[tuple[str, Sequence[tuple[str, int]]]]:
        """By their places in the chain, a page at a time."""
        found: list[tuple[str, Sequence[tuple[str, int]]]] = []
        for first in range(0, len(seqs), ROWS_A_PAGE):
            wanted = list(seqs[first : first + ROWS_A_PAGE])
            query = {"acc": account_id, "seq": {"$in": wanted}}
            rows = await self._rows.find_list(query, {"_id": 0, "seq": 1, "kind": 1, "lines": 1}, limit=len(wanted))
            if len(rows) != len(wanted):
                raise InvariantBroken(f"account {account_id} lacks an entry between {wanted[0]} and {wanted[-1]}")
            found += [
                (row["kind"], [(line["a"], int(line["v"])) for line in row["lines"]]) for row in sorted(rows, key=_seq)
            ]
        return found

    async def replay(self) -> AsyncIterator[Entry]:
        """Every entry, one account in memory at a time."""
        accounts = [row["_id"] async for row in self._entries.aggregate([{"$group": {"_id": "$acc"}}])]
        for account_id in sorted(accounts):
            documents = [document async for document in self._entries.find({"acc": account_id})]
            for document in sorted(documents, key=_seq):
                yield entry_from_doc(document)

    async def cached_heads(self) -> AsyncIterator[tuple[str, Head]]:
        """The cached rows."""
        async for row in self._heads.find({}):
            yield row["_id"], _head_from(row)


def _newer(entry: Entry) -> tuple[Document, Document]:
    """The condition and the change that move the cached row of an account on, never back."""
    return {"_id": entry.account_id, "seq": {"$lt": entry.seq}}, {"$set": head_to_doc(entry.head)}


def _seq(document: Document) -> int:
    return int(document["seq"])


def head_to_doc(head: Head) -> Document:
    """The cached end of a chain, without its account."""
    return {
        "seq": Int64(head.seq),
        "bal": Int64(head.balance_micro),
        "hash": head.hash,
        "credit_seq": Int64(head.credit_seq),
        "aside": _aside_doc(head.aside),
        "counted": {"seq": Int64(head.seq), "text": head.counted},
    }


def _head_from(row: Document) -> Head:
    # An older version of this program moves a row on without its counters: then they are not this entry's.
    counted = row.get("counted") or {}
    text = counted["text"] if counted.get("seq") == row["seq"] else ""
    return Head(row["seq"], row["bal"], row["hash"], row["credit_seq"], _aside_from(row.get("aside")), text)


def _aside_doc(aside: Aside) -> Document | None:
    """None where nothing lies aside, as in entries from before there was such a thing."""
    if aside == NOTHING_ASIDE:
        return None
    return {
        "arrears": Int64(aside.arrears_micro),
        "deposit": Int64(aside.deposit_micro),
        "period": aside.period,
        "recovered": Int64(aside.recovered_micro),
    }


def _aside_from(document: Document | None) -> Aside:
    if document is None:
        return NOTHING_ASIDE
    return Aside(
        arrears_micro=int(document["arrears"]),
        deposit_micro=int(document["deposit"]),
        period=document["period"],
        recovered_micro=int(document["recovered"]),
    )


def entry_to_doc(entry: Entry) -> Document:
    """An entry as it is stored."""
    return {
        "_id": f"{entry.account_id}:{entry.idem}",
        "acc": entry.account_id,
        "seq": Int64(entry.seq),
        "idem": entry.idem,
        "req": entry.request_hash,
        "kind": str(entry.kind),
        "lines": [{"a": line.account, "v": Int64(line.amount_micro)} for line in entry.lines],
        "delta": Int64(entry.delta_micro),
        "bal": Int64(entry.balance_micro),
        "at": entry.at,
        "effective_at": entry.effective_at,
        "actor": entry.actor,
        "reason": entry.reason,
        "ccy": entry.currency,
        "ref": {key: Int64(value) if isinstance(value, int) else value for key, value in entry.ref.items()},
        "credit_seq": Int64(entry.credit_seq),
        "prev": entry.prev_hash,
        "hash": entry.hash,
        "aside": _aside_doc(entry.aside),
        **({"counted": entry.counted} if entry.counted else {}),
    }


def entry_from_doc(document: Document) -> Entry:
    """An entry as it was committed."""
    return Entry(
        account_id=document["acc"],
        seq=int(document["seq"]),
        idem=document["idem"],
        request_hash=document["req"],
        kind=Kind(document["kind"]),
        lines=tuple(Line(line["a"], int(line["v"])) for line in document["lines"]),
        delta_micro=int(document["delta"]),
        balance_micro=int(document["bal"]),
        at=document["at"],
        effective_at=document["effective_at"],
        actor=document["actor"],
        reason=document["reason"],
        currency=document["ccy"],
        ref={key: int(value) if isinstance(value, int) else value for key, value in document["ref"].items()},
        credit_seq=int(document["credit_seq"]),
        prev_hash=document["prev"],
        hash=document["hash"],
        aside=_aside_from(document.get("aside")),
        counted=document.get("counted", ""),
    )
