"""Verified notifications, journaled before they are answered (M7)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.ports import InboxRow
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

MOST = 1000

_ROWS = Mapper(InboxRow)


class MongoInbox:
    """Implements `prepaid.ports.Inbox`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("inbox", durable=True)
        self._orders = database.collection("orders", durable=True)

    async def migrate(self) -> None:
        """Creates the index of unworked rows."""
        await self._rows.create_index([("done", 1), ("attempts", 1), ("received_at", 1)])

    async def keep(self, row: InboxRow) -> bool:
        """False when the id was there already."""
        try:
            await self._rows.insert_one(_ROWS.to_doc(row))
        except DuplicateKey:
            return False
        return True

    async def waiting(self, limit: int) -> Sequence[InboxRow]:
        """Fewest failures first, then oldest, so that a poisonous row does not hold up the others."""
        found = self._rows.find({"done": False}, sort=[("attempts", 1), ("received_at", 1)], limit=limit)
        return [_ROWS.from_doc(document) async for document in found]

    async def waiting_for_account(self, account_id: str) -> bool:
        """Whether an unworked row names an order of the account; with very many waiting, in doubt yes."""
        rows = await self._rows.find_list({"done": False}, {"payment.order_id": 1}, limit=MOST)
        if not rows:
            return False
        orders = [row["payment"]["order_id"] for row in rows if row.get("payment")]
        query = {"_id": {"$in": orders}, "account_id": account_id}
        return len(rows) == MOST or await self._orders.count_documents(query, limit=1) > 0

    async def worked(self, row_id: str) -> None:
        """The row needs nothing more."""
        await self._rows.update_one({"_id": row_id}, {"$set": {"done": True}})

    async def failed(self, row_id: str) -> None:
        """One more failure."""
        await self._rows.update_one({"_id": row_id}, {"$inc": {"attempts": 1}})
