"""Approvals: asked for, used once. The condition of use stands in the write itself (A6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.storage.bounded import below
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper

_APPROVALS = Mapper(Approval)


class MongoApprovals:
    """Implements `prepaid.ports.Approvals`."""

    def __init__(self, database: Database) -> None:
        self._approvals = database.collection("approvals", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._approvals.create_index([("state", 1), ("asked_at", 1)])
        await self._approvals.create_index([("state", 1), ("path", 1)])
        await self._approvals.create_index([("state", 1), ("due_at", 1)])

    async def add(self, approval: Approval) -> None:
        """A new request."""
        await self._approvals.insert_one(_APPROVALS.to_doc(approval))

    async def get(self, approval_id: str) -> Approval | None:
        """One approval."""
        return _APPROVALS.optional(await self._approvals.find_one({"_id": approval_id}))

    async def move(self, approval_id: str, old: ApprovalState, new: ApprovalState, **changes: object) -> bool:
        """A step taken only from `old`."""
        query = {"_id": approval_id, "state": old}
        return (await self._approvals.update_one(query, {"$set": {"state": new, **changes}})).matched_count == 1

    async def use(self, approval_id: str, digest: str, by: str, now: datetime, due_at: datetime | None = None) -> bool:
        """Once, by another person, in time, for this content; `due_at` leaves it open to be taken back until then."""
        query = {
            "_id": approval_id,
            "state": ApprovalState.ASKED,
            "digest": digest,
            "asked_by": {"$ne": by},
            "expires_at": {"$gt": now},
        }
        state = ApprovalState.APPROVED if due_at is None else ApprovalState.AGREED
        changes = {"state": state, "decided_by": by, "decided_at": now, "due_at": due_at}
        return (await self._approvals.update_one(query, {"$set": changes})).matched_count == 1

    async def below(self, scope: str, state: ApprovalState, limit: int) -> Sequence[Approval]:
        """The subtree of `scope`, oldest first."""
        found = await below(self._approvals, scope, {"state": state}, limit=limit, by="asked_at")
        return [_APPROVALS.from_doc(document) for document in found]

    async def due(self, now: datetime, limit: int) -> Sequence[Approval]:
        """Agreed to, with their window over, in the order of it."""
        query = {"state": ApprovalState.AGREED, "due_at": {"$lte": now}}
        found = self._approvals.find(query, sort=[("due_at", 1)], limit=limit)
        return [_APPROVALS.from_doc(document) async for document in found]

    async def in_state(self, state: ApprovalState, limit: int) -> Sequence[Approval]:
        """Oldest first."""
        return await self._some({"state": state}, limit)

    async def _some(self, query: Document, limit: int) -> Sequence[Approval]:
        found = self._approvals.find(query, sort=[("asked_at", 1)], limit=limit)
        return [_APPROVALS.from_doc(document) async for document in found]
