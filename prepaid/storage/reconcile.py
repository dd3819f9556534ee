"""Money tickets, runs of the comparison with bills, and pay-for-me links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.pay_links import PayLink
from prepaid.domain.reconcile import Run
from prepaid.domain.tickets import MoneyKind, MoneyState, MoneyTicket, TicketFile
from prepaid.storage.bounded import below, kept
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper
from prepaid.storage.ticket_files import attached

DAY_MOST = 10_000

_TICKETS, _RUNS, _LINKS = Mapper(MoneyTicket), Mapper(Run), Mapper(PayLink)


class MongoMoneyTickets:
    """Implements `prepaid.ports.MoneyTickets`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("money_tickets", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("path", 1)])
        await self._rows.create_index([("provider", 1), ("day", 1)])

    async def add(self, ticket: MoneyTicket) -> MoneyTicket:
        """One ticket for one item: figures of an open one follow what was found last."""
        held = await kept(self._rows, _TICKETS, ticket)
        if held == ticket or held.state is MoneyState.SETTLED:
            return held
        found = {name: getattr(ticket, name) for name in ("why", "ours_fen", "theirs_fen")}
        query = {"_id": ticket.id, "state": {"$in": [MoneyState.OPEN, MoneyState.GONE]}}
        await self._rows.update_one(query, {"$set": {"state": MoneyState.OPEN, **found}})
        return await self.get(ticket.id) or held

    async def get(self, ticket_id: str) -> MoneyTicket | None:
        """One ticket."""
        return _TICKETS.optional(await self._rows.find_one({"_id": ticket_id}))

    async def settle(self, ticket_id: str, *, by: str, at: datetime, words: str) -> bool:
        """Ends an open ticket."""
        changes = {"state": MoneyState.SETTLED, "settled_by": by, "settled_at": at, "words": words}
        return await self._end(ticket_id, changes)

    async def gone(self, ticket_id: str, at: datetime) -> bool:
        """Ends an open ticket by itself."""
        return await self._end(ticket_id, {"state": MoneyState.GONE, "settled_at": at})

    async def _end(self, ticket_id: str, changes: dict[str, object]) -> bool:
        query = {"_id": ticket_id, "state": MoneyState.OPEN}
        return (await self._rows.update_one(query, {"$set": changes})).matched_count == 1

    async def attach(self, ticket_id: str, file: TicketFile) -> bool:
        """One conditional write."""
        return await attached(self._rows, ticket_id, MoneyState.OPEN, file)

    async def of_day(self, provider: str, merchant_id: str, day: str) -> Sequence[MoneyTicket]:
        """In no order."""
        query = {"provider": provider, "day": day, "merchant_id": merchant_id}
        return [_TICKETS.from_doc(row) for row in await self._rows.find_list(query, limit=DAY_MOST)]

    async def below(self, scope: str, limit: int, *, kind: MoneyKind | None = None) -> Sequence[MoneyTicket]:
        """Open ones of the subtree, oldest first."""
        query: Document = {"state": MoneyState.OPEN} if kind is None else {"state": MoneyState.OPEN, "kind": kind}
        if scope:
            rows = await below(self._rows, scope, query, limit=limit, by="opened_at")
        else:
            rows = await self._rows.find_list({**query, "path": ""}, limit=limit)
        return [_TICKETS.from_doc(row) for row in rows]


class MongoRuns:
    """Implements `prepaid.ports.Runs`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("reconcile_runs", durable=True)

    async def migrate(self) -> None:
        """Nothing but `_id` is looked up."""

    async def save(self, run: Run) -> None:
        """The last run of a day is the one that counts."""
        document = _RUNS.to_doc(run)
        await self._rows.update_one({"_id": document.pop("_id")}, {"$set": document}, upsert=True)

    async def get(self, run_id: str) -> Run | None:
        """One day's run."""
        return _RUNS.optional(await self._rows.find_one({"_id": run_id}))


class MongoPayLinks:
    """Implements `prepaid.ports.PayLinks`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("pay_links", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("account_id", 1), ("expires_at", 1)])

    async def add(self, link: PayLink) -> None:
        """A new row; its number is the key."""
        await self._rows.insert_one(_LINKS.to_doc(link))

    async def get(self, link_id: str) -> PayLink | None:
        """One link."""
        return _LINKS.optional(await self._rows.find_one({"_id": link_id}))

    async def bind(self, link_id: str, old: str | None, order_id: str) -> bool:
        """The condition makes it one order at a time."""
        query = {"_id": link_id, "order_id": old, "revoked": False}
        return (await self._rows.update_one(query, {"$set": {"order_id": order_id}})).matched_count == 1

    async def revoke(self, link_id: str) -> None:
        """It opens no order any more."""
        await self._rows.update_one({"_id": link_id}, {"$set": {"revoked": True}})

    async def of_account(self, account_id: str, since: datetime, limit: int) -> Sequence[PayLink]:
        """By their end."""
        query = {"account_id": account_id, "expires_at": {"$gt": since}}
        rows = await self._rows.find_list(query, sort=[("expires_at", 1)], limit=limit)
        return [_LINKS.from_doc(row) for row in rows]
