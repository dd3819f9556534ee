"""The audit trail: append-only."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from prepaid.ports import AuditRecord, Clock
from prepaid.storage.bounded import newest
from prepaid.storage.driver import Database

_RECORD = TypeAdapter(AuditRecord)


class MongoAuditTrail:
    """Implements `prepaid.ports.AuditTrail`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._records = database.collection("audit_trail", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._records.create_index([("subject", 1), ("at", 1)])

    async def add(self, record: AuditRecord) -> None:
        """One more line."""
        await self._insert(record)

    async def begin(self, record: AuditRecord) -> str:
        """An intent, on disk before its change begins."""
        return await self._insert(replace(record, done=False))

    async def end(self, record_id: str, *, refused: str = "") -> None:
        """How it ended, once."""
        await self._records.update_one({"_id": record_id, "done": False}, {"$set": {"done": True, "refused": refused}})

    async def _insert(self, record: AuditRecord) -> str:
        record_id = secrets.token_hex(12)
        await self._records.insert_one({"_id": record_id, **_RECORD.dump_python(record)})
        return record_id

    async def latest(self, scope: str, limit: int, *, until: datetime | None = None) -> Sequence[AuditRecord]:
        """The newest records about a place or anything in it, newest first; with `until` those not after it."""
        now = self._clock.now()
        found = await newest(self._records, {"subject": scope}, "at", limit=limit, now=now, until=until)
        inside = {"subject": {"$gte": f"{scope}/", "$lt": f"{scope}0"}}  # "0" is the character after "/".
        found += await newest(self._records, inside, "at", limit=limit, now=now, until=until)
        records = [_RECORD.validate_python(document) for document in found]
        return sorted(records, key=lambda record: record.at, reverse=True)[:limit]
