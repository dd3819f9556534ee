"""The audit trail: append-only."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from pydantic import TypeAdapter

from prepaid.ports import AuditRecord
from prepaid.storage.driver import Database

_RECORD = TypeAdapter(AuditRecord)


class MongoAuditTrail:
    """Implements `prepaid.ports.AuditTrail`."""

    def __init__(self, database: Database) -> None:
        self._records = database.collection("audit_trail", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._records.create_index([("subject", 1), ("at", 1)])

    async def add(self, record: AuditRecord) -> None:
        """One more line."""
        await self._records.insert_one({"_id": secrets.token_hex(12), **_RECORD.dump_python(record)})

    async def latest(self, scope: str, limit: int) -> Sequence[AuditRecord]:
        """The newest records about a place or anything in it, newest first."""
        query = {"$or": [{"subject": scope}, {"subject": {"$gte": f"{scope}/", "$lt": f"{scope}0"}}]}
        found = self._records.find(query, sort=[("at", -1)], limit=limit)
        return [_RECORD.validate_python(document) async for document in found]
