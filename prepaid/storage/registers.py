"""Held readings as cases, and the changes that admins decided. One open case for a meter, one change for an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from prepaid.domain.errors import InvariantBroken
from prepaid.domain.metering import Reading
from prepaid.domain.registers import CaseState, Decision, HeldReading, RegisterChange
from prepaid.storage.bounded import below
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

MOST_CHANGES = 1000
UNDECIDED = [CaseState.OPEN, CaseState.REJECTED]

_CASES = Mapper(HeldReading)
_CHANGES = Mapper(RegisterChange)
_READING = TypeAdapter(Reading)


class MongoRegisters:
    """Implements `prepaid.ports.Registers`."""

    def __init__(self, database: Database) -> None:
        self._cases = database.collection("held_readings", durable=True)
        self._changes = database.collection("register_changes", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes. A unique partial one makes the open case of a meter single."""
        await self._cases.create_index(
            [("meter_id", 1)], name="one_open", unique=True, partialFilterExpression={"state": "open"}
        )
        await self._cases.create_index([("meter_id", 1), ("state", 1)])
        await self._cases.create_index([("state", 1), ("path", 1)])
        await self._changes.create_index([("meter_id", 1), ("epoch", 1)], unique=True)
        await self._changes.create_index([("applied", 1)])

    async def hold(self, case: HeldReading) -> None:
        """Opens the case. If one is open already, what it began with has become void: this reading begins it anew."""
        try:
            await self._cases.insert_one(_CASES.to_doc(case))
        except DuplicateKey:
            # Either this very reading opened the case before a crash, or an earlier one did.
            first = _READING.dump_python(case.first)
            anew = {"$set": {"first": first, "latest": first, "doubt": case.doubt}, "$inc": {"count": 1}}
            await self._cases.update_one(_open(case.meter_id, case.latest), anew)

    async def held_again(self, meter_id: str, reading: Reading) -> None:
        """One more of the same run."""
        changes = {"$set": {"latest": _READING.dump_python(reading)}, "$inc": {"count": 1}}
        await self._cases.update_one(_open(meter_id, reading), changes)

    async def passed(self, meter_id: str, at: datetime) -> None:
        """The case ends without a decision; a rejected one proved right."""
        query = {"meter_id": meter_id, "state": {"$in": UNDECIDED}}
        await self._cases.update_many(query, {"$set": {"state": CaseState.PASSED, "closed_at": at}})

    async def case(self, meter_id: str) -> HeldReading | None:
        """The open case, or the newest rejected one."""
        found = await self._cases.find_list({"meter_id": meter_id, "state": {"$in": UNDECIDED}}, limit=MOST_CHANGES)
        cases = [_CASES.from_doc(document) for document in found]
        return max(cases, key=lambda case: (case.state is CaseState.OPEN, case.first.at), default=None)

    async def open_below(self, scope: str, limit: int) -> Sequence[HeldReading]:
        """Open cases of the subtree, by path; whole path segments only."""
        found = await below(self._cases, scope, {"state": CaseState.OPEN}, limit=limit, by="path")
        return [_CASES.from_doc(document) for document in found]

    async def decided(self, change: RegisterChange) -> None:
        """The case says who decided what and why."""
        if change.case_id is None:
            return
        rejected = change.decision is Decision.REJECT
        closing = {
            "state": CaseState.REJECTED if rejected else CaseState.DECIDED,
            "decision": change.decision,
            "decided_by": change.actor,
            "reason": change.reason,
            "closed_at": change.at,
        }
        await self._cases.update_one({"_id": change.case_id, "state": {"$in": UNDECIDED}}, {"$set": closing})

    async def change(self, change: RegisterChange) -> RegisterChange:
        """The first change of an epoch stands."""
        try:
            await self._changes.insert_one({"_id": change.id, **_CHANGES.to_doc(change)})
        except DuplicateKey:
            stored = await self._changes.find_one({"_id": change.id})
            if stored is None:
                raise InvariantBroken(f"change {change.id} vanished") from None
            return _CHANGES.from_doc(stored)
        return change

    async def changes(self, meter_id: str) -> Sequence[RegisterChange]:
        """By epoch."""
        found = await self._changes.find_list({"meter_id": meter_id}, limit=MOST_CHANGES)
        return sorted((_CHANGES.from_doc(document) for document in found), key=lambda change: change.epoch)

    async def unapplied(self, limit: int) -> Sequence[RegisterChange]:
        """Half done, perhaps."""
        found = await self._changes.find_list({"applied": False}, limit=limit)
        return [_CHANGES.from_doc(document) for document in found]

    async def applied(self, change: RegisterChange) -> None:
        """Needs nothing more."""
        await self._changes.update_one({"_id": change.id}, {"$set": {"applied": True}})


def _open(meter_id: str, reading: Reading) -> Document:
    """The open case of a meter, if it does not know this reading yet."""
    return {"meter_id": meter_id, "state": CaseState.OPEN, "latest.at": {"$lt": reading.at}}
