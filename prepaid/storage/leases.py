"""Leases with growing fencing tokens: one owner of a resource at a time, whatever its clock or network does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prepaid.domain.errors import Unknown
from prepaid.ports import Clock, Lease
from prepaid.storage.driver import Database, Document, DuplicateKey

MOST = 20_000
"""Leases of one kind."""


class MongoLeases:
    """Implements `prepaid.ports.Leases`. The token grows with every change of owner and is never reused."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._leases = database.collection("leases", durable=True)
        self._clock = clock

    async def migrate(self) -> None:
        """Creates the index."""
        await self._leases.create_index([("kind", 1)])

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

    async def _first(self, lease: Lease, *, under: Lease | None = None) -> Lease | None:
        try:
            await self._leases.insert_one({"_id": lease.resource, **_fields(lease, under=under)})
        except DuplicateKey:
            return None
        except Unknown:
            return lease if await self.holds(lease) else None
        return lease

    async def take_under(self, resource: str, session: Lease) -> Lease | None:
        """Takes what is free, or what belonged to a session that has run out. Ours already: the same lease again."""
        row = await self._leases.find_one({"_id": resource})
        if row is None:
            lease = Lease(resource=resource, owner=session.owner, token=1, until=session.until)
            return await self._first(lease, under=session)
        if _under(row, session):
            return Lease(resource=resource, owner=session.owner, token=row["token"], until=session.until)
        if await self._lives(row):
            return None
        lease = Lease(resource=resource, owner=session.owner, token=row["token"] + 1, until=session.until)
        query = {"_id": resource, "token": row["token"], "owner": row["owner"], "until": row["until"]}
        counts = await self._leases.update_one(query, {"$set": _fields(lease, under=session)})
        return lease if counts.matched_count == 1 else None

    async def live(self, kind: str) -> Sequence[Lease]:
        """Whatever of that kind is in force."""
        rows = await self._leases.find_list({"kind": kind}, limit=MOST)
        names = sorted({row["session"]["resource"] for row in rows if row.get("session")})
        found = await self._leases.find_list({"_id": {"$in": names}}, limit=MOST) if names else []
        sessions = {row["_id"]: row for row in found}
        now = self._clock.now()
        leases = []
        for row in sorted(rows, key=lambda row: str(row["_id"])):
            session = row.get("session")
            keeper = row if session is None else sessions.get(session["resource"])
            if keeper is None or keeper["until"] <= now or (session and keeper["token"] != session["token"]):
                continue
            lease = Lease(resource=row["_id"], owner=row["owner"], token=row["token"], until=keeper["until"])
            leases.append(lease)
        return leases

    async def _lives(self, row: Document) -> bool:
        session = row.get("session")
        if session is None:
            return bool(row["until"] > self._clock.now())
        keeper = await self._leases.find_one({"_id": session["resource"], "token": session["token"]})
        return keeper is not None and keeper["until"] > self._clock.now()

    async def release(self, lease: Lease) -> None:
        """Ends our lease at once, so that another need not wait for it to run out."""
        query = {"_id": lease.resource, "owner": lease.owner, "token": lease.token}
        await self._leases.update_one(query, {"$set": {"until": self._clock.now(), "session": None}})

    async def holds(self, lease: Lease) -> bool:
        """Whether the row still names this owner and token, and has not run out."""
        row = await self._leases.find_one({"_id": lease.resource, "owner": lease.owner, "token": lease.token})
        return row is not None and await self._lives(row)


def _fields(lease: Lease, *, under: Lease | None = None) -> Document:
    session = None if under is None else {"resource": under.resource, "token": under.token}
    kind = lease.resource.partition(":")[0]
    return {"kind": kind, "owner": lease.owner, "token": lease.token, "until": lease.until, "session": session}


def _under(row: Document, session: Lease) -> bool:
    """Whether the row belongs to exactly this session: one that ran out and began anew has another token."""
    keeper = row.get("session")
    return keeper is not None and (keeper["resource"], keeper["token"]) == (session.resource, session.token)
