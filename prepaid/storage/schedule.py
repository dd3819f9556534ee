"""Slots of scheduled jobs: a row for each, inserted once, held by a growing token, done once (Y5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from prepaid.ports import Clock
from prepaid.ports.schedule import JobNote, SlotRun
from prepaid.storage.driver import Database, DuplicateKey

KEEP_S = 400 * 24 * 3600
MOST_JOBS = 1_000


class MongoJobRuns:
    """Implements `prepaid.ports.JobRuns`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._slots = database.collection("job_slots", durable=True)
        self._notes = database.collection("job_notes")
        self._clock = clock

    async def migrate(self) -> None:
        """Creates the index by which old slots expire."""
        await self._slots.create_index([("slot", 1)], name="expiry", expireAfterSeconds=KEEP_S)

    async def begin(self, job: str, key: str, slot: datetime, *, owner: str, ttl_s: float) -> SlotRun | None:
        """Inserts the row, or takes it over from whoever let its time run out."""
        now = self._clock.now()
        row_id, until = f"{job}:{key}", now + timedelta(seconds=ttl_s)
        fresh = {"_id": row_id, "job": job, "slot": slot, "owner": owner, "token": 1, "until": until, "done": False}
        try:
            await self._slots.insert_one(fresh)
        except DuplicateKey:
            return await self._take_over(row_id, owner, now, until)
        return SlotRun(job=job, key=key, slot=slot, owner=owner, token=1)

    async def _take_over(self, row_id: str, owner: str, now: datetime, until: datetime) -> SlotRun | None:
        row = await self._slots.find_one({"_id": row_id})
        if row is None:
            return None
        job, key, token = row["job"], row_id.partition(":")[2], int(row["token"])
        if row["done"]:
            return SlotRun(job=job, key=key, slot=row["slot"], owner=row["owner"], token=token, done=True)
        if row["until"] > now:
            return None
        query = {"_id": row_id, "token": token, "done": False, "until": row["until"]}
        changes = {"$set": {"owner": owner, "until": until, "token": token + 1}}
        if (await self._slots.update_one(query, changes)).matched_count != 1:
            return None
        return SlotRun(job=job, key=key, slot=row["slot"], owner=owner, token=token + 1)

    async def holds(self, run: SlotRun) -> bool:
        """By the token and the time."""
        row = await self._slots.find_one({"_id": _id(run), "token": run.token, "done": False})
        return row is not None and bool(row["until"] > self._clock.now())

    async def end(self, run: SlotRun, *, did: int) -> bool:
        """Only the newest token ends a slot; then the job's newest slot moves on, never back."""
        query = {"_id": _id(run), "token": run.token, "done": False}
        changes = {"$set": {"done": True, "did": did, "ended_at": self._clock.now()}}
        if (await self._slots.update_one(query, changes)).matched_count != 1:
            return False
        await self._notes.update_one({"_id": run.job}, {"$max": {"slot": run.slot}}, upsert=True)
        return True

    async def let_go(self, run: SlotRun) -> int:
        """Its time ends now."""
        query = {"_id": _id(run), "token": run.token, "done": False}
        await self._slots.update_one(query, {"$set": {"until": self._clock.now()}})
        return run.token

    async def note(self, job: str, *, result: str, did: int, owner: str) -> None:
        """One small row for each job."""
        values = {"at": self._clock.now(), "result": result, "did": did, "owner": owner}
        await self._notes.update_one({"_id": job}, {"$set": values}, upsert=True)

    async def notes(self) -> Mapping[str, JobNote]:
        """All of them; there are as many as jobs."""
        rows = await self._notes.find_list({}, limit=MOST_JOBS)
        fields = ("at", "result", "did", "owner", "slot")
        return {
            row["_id"]: JobNote(job=row["_id"], **{name: row[name] for name in fields if name in row}) for row in rows
        }


def _id(run: SlotRun) -> str:
    return f"{run.job}:{run.key}"
