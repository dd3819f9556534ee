"""What tenants ask of the staff: rows that are kept once and end once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.staff_requests import RequestState, StaffRequest
from prepaid.storage.bounded import kept, newest
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper

_REQUESTS = Mapper(StaffRequest)


class MongoStaffRequests:
    """Implements `prepaid.ports.StaffRequests`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("staff_requests", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("state", 1), ("path", 1)])
        await self._rows.create_index([("state", 1), ("told", 1)])
        await self._rows.create_index([("account_id", 1), ("state", 1)])
        await self._rows.create_index([("account_id", 1), ("asked_by", 1), ("asked_at", 1)])

    async def add(self, request: StaffRequest) -> StaffRequest:
        """One row for one number."""
        return await kept(self._rows, _REQUESTS, request)

    async def get(self, request_id: str) -> StaffRequest | None:
        """One request."""
        return _REQUESTS.optional(await self._rows.find_one({"_id": request_id}))

    async def mark_told(self, request_id: str) -> None:
        """The staff has been told."""
        await self._rows.update_one({"_id": request_id}, {"$set": {"told": True}})

    async def end(self, request_id: str, state: RequestState, *, by: str, at: datetime) -> bool:
        """Ends an open request."""
        query = {"_id": request_id, "state": RequestState.OPEN}
        changes = {"state": state, "ended_by": by, "ended_at": at}
        return (await self._rows.update_one(query, {"$set": changes})).matched_count == 1

    async def below(self, scope: str, limit: int) -> Sequence[StaffRequest]:
        """Open ones of the subtree. Each half is sorted by the server, so that the limit leaves out the youngest."""
        inside = {"$gte": f"{scope}/", "$lt": f"{scope}0"}  # "0" is the character after "/".
        rows: list[Document] = []
        for place in (scope, inside):
            query = {"state": RequestState.OPEN, "path": place}
            rows += await self._rows.find_list(query, sort=[("asked_at", 1)], limit=limit)
        return [_REQUESTS.from_doc(row) for row in sorted(rows, key=lambda row: row["asked_at"])[:limit]]

    async def open_of_account(self, account_id: str, limit: int) -> Sequence[StaffRequest]:
        """Open ones, in no order."""
        query = {"account_id": account_id, "state": RequestState.OPEN}
        return [_REQUESTS.from_doc(row) for row in await self._rows.find_list(query, limit=limit)]

    async def of_person(self, account_id: str, person_id: str, now: datetime, limit: int) -> Sequence[StaffRequest]:
        """Newest first."""
        query = {"account_id": account_id, "asked_by": person_id}
        return [_REQUESTS.from_doc(row) for row in await newest(self._rows, query, "asked_at", limit=limit, now=now)]

    async def untold(self, limit: int) -> Sequence[StaffRequest]:
        """Open ones, in no order."""
        query = {"state": RequestState.OPEN, "told": False}
        return [_REQUESTS.from_doc(row) for row in await self._rows.find_list(query, limit=limit)]
