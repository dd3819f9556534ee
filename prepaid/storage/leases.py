"""Leases with growing fencing tokens: one owner of a resource at a time, whatever its clock or network does."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.errors import Unknown
from prepaid.ports import Clock, Lease
from prepaid.storage.driver import Database, Document, DuplicateKey


class MongoLeases:
    """Implements `prepaid.ports.Leases`. The token grows with every change of owner and is never reused."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._leases = database.collection("leases", durable=True)
        self._clock = clock

    async def migrate(self) -> None:
        """Nothing but `_id` is looked up."""

    async def take(self, resource: str, owner: str, ttl_s: float) -> Lease | None:
        """Takes a free or expired lease, or renews our own."""
        now = self._clock.now()
        until = now + timedelta(seconds=ttl_s)
        row = await self._leases.find_one({"_id": resource})
        if row is None:
            return await self._first(Lease(resource=resource, owner=owner, token=1, until=until))
        ours = row["owner"] == owner and row["until"] > now
        if not ours and row["until"] > now:
            return None
        lease = Lease(resource=resource, owner=owner, token=row["token"] + (not ours), until=until)
        query = {"_id": resource, "token": row["token"], "owner": row["owner"], "until": row["until"]}
        counts = await self._leases.update_one(query, {"$set": _fields(lease)})
        return lease if counts.matched_count == 1 else None

    async def _first(self, lease: Lease) -> Lease | None:
        try:
            await self._leases.insert_one({"_id": lease.resource, **_fields(lease)})
        except DuplicateKey:
            return None
        except Unknown:
            return lease if await self.holds(lease) else None
        return lease

    async def release(self, lease: Lease) -> None:
        """Ends our lease at once, so that another need not wait for it to run out."""
        query = {"_id": lease.resource, "owner": lease.owner, "token": lease.token}
        await self._leases.update_one(query, {"$set": {"until": self._clock.now()}})

    async def holds(self, lease: Lease) -> bool:
        """Whether the row still names this owner and token, and has not run out."""
        row = await self._leases.find_one({"_id": lease.resource, "owner": lease.owner, "token": lease.token})
        return row is not None and row["until"] > self._clock.now()


def _fields(lease: Lease) -> Document:
    return {"owner": lease.owner, "token": lease.token, "until": lease.until}
