"""Receipts, refunds, move-outs and tickets: rows that are kept once and move by conditional steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TypeVar

from prepaid.domain.closing import Closing, Step
from prepaid.domain.receipts import Receipt
from prepaid.domain.refunds import OPEN_STEPS, Refund, RefundStep
from prepaid.domain.tickets import Ticket, TicketFile, TicketState
from prepaid.storage.bounded import below, kept
from prepaid.storage.driver import Collection, Database, Document
from prepaid.storage.mapping import Mapper
from prepaid.storage.ticket_files import attached

T = TypeVar("T")

IDS_AT_ONCE = 500
DAY_MOST = 100_000

_RECEIPTS, _REFUNDS, _CLOSINGS, _TICKETS = Mapper(Receipt), Mapper(Refund), Mapper(Closing), Mapper(Ticket)


async def _oldest(rows: Collection, mapper: Mapper[T], query: Document, by: str, limit: int) -> list[T]:
    return [mapper.from_doc(document) async for document in rows.find(query, sort=[(by, 1)], limit=limit)]


def _plain(value: object) -> object:
    """Tuples of small dataclasses as lists of documents."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


class MongoReceipts:
    """Implements `prepaid.ports.Receipts`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("receipts", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("entered", 1), ("taken_at", 1)])
        await self._rows.create_index([("site_id", 1), ("taken_at", 1)])

    async def claim(self, receipt: Receipt) -> Receipt:
        """The number is the key: the first use holds it for ever."""
        return await kept(self._rows, _RECEIPTS, receipt)

    async def get(self, receipt_id: str) -> Receipt | None:
        """One receipt."""
        return _RECEIPTS.optional(await self._rows.find_one({"_id": receipt_id}))

    async def entered(self, receipt_id: str) -> None:
        """It has reached the ledger."""
        await self._rows.update_one({"_id": receipt_id}, {"$set": {"entered": True}})

    async def taken_between(self, site_id: str, since: datetime, until: datetime, limit: int) -> Sequence[Receipt]:
        """Oldest first."""
        query = {"site_id": site_id, "taken_at": {"$gte": since, "$lt": until}}
        return await _oldest(self._rows, _RECEIPTS, query, "taken_at", limit)

    async def waiting(self, limit: int) -> Sequence[Receipt]:
        """Oldest first."""
        return await _oldest(self._rows, _RECEIPTS, {"entered": False}, "taken_at", limit)


class MongoRefunds:
    """Implements `prepaid.ports.Refunds`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("refunds", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("step", 1), ("created_at", 1)])
        await self._rows.create_index([("provider", 1), ("ended_at", 1)])

    async def add(self, refund: Refund) -> Refund:
        """One row for one number."""
        return await kept(self._rows, _REFUNDS, refund)

    async def get(self, refund_id: str) -> Refund | None:
        """One refund."""
        return _REFUNDS.optional(await self._rows.find_one({"_id": refund_id}))

    async def move(self, refund_id: str, old: RefundStep, new: RefundStep, **changes: object) -> bool:
        """A step taken only from `old`."""
        query = {"_id": refund_id, "step": old}
        return (await self._rows.update_one(query, {"$set": {"step": new, **changes}})).matched_count == 1

    async def asked(self, refund_id: str, at: datetime) -> None:
        """One more question to the provider."""
        await self._rows.update_one({"_id": refund_id}, {"$set": {"asked_at": at}, "$inc": {"questions": 1}})

    async def open(self, limit: int) -> Sequence[Refund]:
        """Oldest first."""
        return await _oldest(self._rows, _REFUNDS, {"step": {"$in": sorted(OPEN_STEPS)}}, "created_at", limit)

    async def get_many(self, refund_ids: Sequence[str]) -> Mapping[str, Refund]:
        """A bounded number in each query."""
        found: dict[str, Refund] = {}
        for first in range(0, len(refund_ids), IDS_AT_ONCE):
            some = list(refund_ids[first : first + IDS_AT_ONCE])
            rows = await self._rows.find_list({"_id": {"$in": some}}, limit=len(some))
            found |= {row["_id"]: _REFUNDS.from_doc(row) for row in rows}
        return found

    async def ended_between(self, provider: str, since: datetime, until: datetime) -> Sequence[Refund]:
        """In no order."""
        query = {"provider": provider, "ended_at": {"$gte": since, "$lt": until}}
        return [_REFUNDS.from_doc(row) for row in await self._rows.find_list(query, limit=DAY_MOST)]


class MongoClosings:
    """Implements `prepaid.ports.Closings`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("closings", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("step", 1), ("asked_at", 1)])

    async def add(self, closing: Closing) -> Closing:
        """One row for one account."""
        return await kept(self._rows, _CLOSINGS, closing)

    async def get(self, account_id: str) -> Closing | None:
        """One move-out."""
        return _CLOSINGS.optional(await self._rows.find_one({"_id": account_id}))

    async def move(self, account_id: str, old: Step, new: Step, **changes: object) -> bool:
        """A step, or news within one, taken only from `old`."""
        values = {key: _plain(value) for key, value in changes.items()}
        query = {"_id": account_id, "step": old}
        return (await self._rows.update_one(query, {"$set": {"step": new, **values}})).matched_count == 1

    async def open(self, limit: int) -> Sequence[Closing]:
        """Oldest first."""
        steps = sorted(set(Step) - {Step.CLOSED})
        return await _oldest(self._rows, _CLOSINGS, {"step": {"$in": steps}}, "asked_at", limit)


class MongoTickets:
    """Implements `prepaid.ports.Tickets`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("tickets", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("path", 1)])

    async def add(self, ticket: Ticket) -> Ticket:
        """One ticket for one entry."""
        return await kept(self._rows, _TICKETS, ticket)

    async def get(self, ticket_id: str) -> Ticket | None:
        """One ticket."""
        return _TICKETS.optional(await self._rows.find_one({"_id": ticket_id}))

    async def answer(self, ticket_id: str, state: TicketState, *, by: str, at: datetime, words: str) -> bool:
        """Ends an open ticket."""
        query = {"_id": ticket_id, "state": TicketState.OPEN}
        changes = {"state": state, "answered_by": by, "answered_at": at, "answer": words}
        return (await self._rows.update_one(query, {"$set": changes})).matched_count == 1

    async def attach(self, ticket_id: str, file: TicketFile) -> bool:
        """One conditional write."""
        return await attached(self._rows, ticket_id, TicketState.OPEN, file)

    async def below(self, scope: str, limit: int) -> Sequence[Ticket]:
        """Open ones of the subtree, oldest first."""
        found = await below(self._rows, scope, {"state": TicketState.OPEN}, limit=limit, by="opened_at")
        return [_TICKETS.from_doc(document) for document in found]
