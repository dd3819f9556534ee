"""Wanted against reported, one row for each meter. Every write carries its condition; its count is checked (S6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from prepaid.domain.supply import Hold, HoldKind, Outcome, Reported, Supply, Wanted
from prepaid.storage import rules
from prepaid.storage.bounded import not_after
from prepaid.storage.driver import Database, Document
from prepaid.storage.mapping import Mapper

_SUPPLIES = Mapper(Supply, id_field="meter_id")
_WANTED = TypeAdapter(Wanted)
_REPORTED = TypeAdapter(Reported)
_HOLD = TypeAdapter(Hold)


class MongoSupplies:
    """Implements `prepaid.ports.Supplies`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._supplies = database.collection("supplies", durable=True)
        self._seen = database.collection("supplies")

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._database.ensure_collection("supplies", validator=rules.SUPPLIES)
        await self._supplies.create_index([("gateway_id", 1)])
        await self._supplies.create_index([("account_id", 1)])
        await self._supplies.create_index([("site_id", 1), ("wanted.at", 1)])
        await self._supplies.create_index([("wanted.on", 1), ("wanted.by_hand", 1)])
        await self._supplies.create_index([("outcome", 1), ("wanted.at", 1)])

    async def get(self, meter_id: str) -> Supply | None:
        """One supply."""
        return _SUPPLIES.optional(await self._supplies.find_one({"_id": meter_id}))

    async def add(self, supply: Supply) -> None:
        """Creates the row if there is none; where it belongs may change, its states may not."""
        document = _SUPPLIES.to_doc(supply)
        place = {key: document.pop(key) for key in ("account_id", "site_id", "gateway_id", "path")}
        await self._supplies.update_one(
            {"_id": supply.meter_id}, {"$set": place, "$setOnInsert": document}, upsert=True
        )

    async def on_gateway(self, gateway_id: str) -> Sequence[Supply]:
        """The supplies of a bus."""
        return await self._some({"gateway_id": gateway_id})

    async def of_account(self, account_id: str) -> Sequence[Supply]:
        """The supplies that one account pays for."""
        return await self._some({"account_id": account_id})

    async def on_site(self, site_id: str) -> Sequence[Supply]:
        """The supplies of a site."""
        return await self._some({"site_id": site_id})

    async def _some(self, query: Document) -> Sequence[Supply]:
        return [_SUPPLIES.from_doc(document) async for document in self._supplies.find(query, limit=20_000)]

    async def want(self, meter_id: str, old_generation: int, wanted: Wanted) -> bool:
        """The next generation, if nobody was first."""
        changes = {"wanted": _WANTED.dump_python(wanted), "outcome": Outcome.PENDING, "attempts": 0}
        query = {"_id": meter_id, "wanted.generation": old_generation}
        return (await self._supplies.update_one(query, {"$set": changes})).matched_count == 1

    async def record(
        self, meter_id: str, generation: int, reported: Reported, outcome: Outcome, *, operated: bool, day: str
    ) -> bool:
        """What the relay said under `generation`."""
        old = await self.get(meter_id)
        if old is None or old.wanted.generation != generation:
            return False
        changes: Document = {"reported": _REPORTED.dump_python(reported), "outcome": outcome, "attempts": 0}
        if operated:
            changes |= {"operations": old.operations + 1 if old.operations_day == day else 1, "operations_day": day}
            changes |= {"switched_on_at": reported.at} if reported.on else {}
        query = {"_id": meter_id, "wanted.generation": generation, "operations": old.operations}
        return (await self._supplies.update_one(query, {"$set": changes})).matched_count == 1

    async def attempt(self, meter_id: str, generation: int, outcome: Outcome) -> None:
        """One more try that did not end confirmed."""
        query = {"_id": meter_id, "wanted.generation": generation}
        await self._supplies.update_one(query, {"$inc": {"attempts": 1}, "$set": {"outcome": outcome}})

    async def saw(self, meter_id: str, reported: Reported) -> None:
        """The relay state of a poll, unless something newer is known."""
        older = {"_id": meter_id, **not_after("reported.at", reported.at)}
        await self._seen.update_one(older, {"$set": {"reported": _REPORTED.dump_python(reported)}})

    async def hold(self, meter_id: str, hold: Hold | None, *, at: datetime, over_tag: bool = False) -> bool:
        """The filter carries the condition that no maintenance tag is taken down by the way (S12)."""
        value = None if hold is None else _HOLD.dump_python(hold)
        query: dict[str, object] = {"_id": meter_id}
        if not over_tag and (hold is None or hold.kind is not HoldKind.OFF):
            query["$or"] = [{"hold.kind": {"$ne": HoldKind.OFF}}, {"hold.until": {"$lte": at}}]
        return (await self._supplies.update_one(query, {"$set": {"hold": value}})).matched_count == 1

    async def assign(self, meter_id: str, account_id: str | None) -> None:
        """Whose supply it is."""
        await self._supplies.update_one({"_id": meter_id}, {"$set": {"account_id": account_id}})

    async def without_account(self, limit: int) -> Sequence[Supply]:
        """Those that nobody pays for."""
        found = self._supplies.find({"account_id": None}, limit=limit)
        return [_SUPPLIES.from_doc(document) async for document in found]

    async def wanted_off(self, limit: int) -> Sequence[Supply]:
        """Off by rule, longest first."""
        query = {"wanted.on": False, "wanted.by_hand": False}
        found = self._supplies.find(query, sort=[("wanted.at", 1)], limit=limit)
        return [_SUPPLIES.from_doc(document) async for document in found]

    async def restoring(self, since: datetime, before: datetime, limit: int) -> Sequence[Supply]:
        """Wanted on because of a payment and not on yet, longest first. One that waits for its button was told so."""
        query = {
            "outcome": {"$in": [Outcome.PENDING, Outcome.UNCONFIRMED]},
            "wanted.at": {"$gte": since, "$lte": before},
            "wanted.on": True,
            "wanted.cause": {"$gt": ""},
        }
        found = self._supplies.find(query, sort=[("wanted.at", 1)], limit=limit)
        return [_SUPPLIES.from_doc(document) async for document in found]

    async def unanswered(
        self, site_id: str, since: datetime, until: datetime, tries: int, limit: int
    ) -> Sequence[Supply]:
        """Switched by word in [since, until), neither confirmed nor waiting, and tried fewer than so many times."""
        query = {
            "site_id": site_id,
            "wanted.at": {"$gte": since, "$lt": until},
            "wanted.generation": {"$gt": 0},
            "outcome": {"$in": [Outcome.PENDING, Outcome.UNCONFIRMED]},
            "attempts": {"$lt": tries},
        }
        found = self._supplies.find(query, limit=limit)
        return [_SUPPLIES.from_doc(document) async for document in found]

    async def count_on_site(self, site_id: str) -> int:
        """How many there are."""
        return await self._supplies.count_documents({"site_id": site_id})

    async def restores_open(self, site_id: str) -> int:
        """Wanted on, seen off."""
        query = {"site_id": site_id, "wanted.on": True, "reported.on": False}
        return await self._supplies.count_documents(query)

    async def confirm_safe(self, meter_id: str, generation: int) -> bool:
        """For this generation only."""
        query = {"_id": meter_id, "wanted.generation": generation, "wanted.on": True}
        changes = {"$set": {"safe_generation": generation}}
        return (await self._supplies.update_one(query, changes)).matched_count == 1

    async def cuts_since(self, site_id: str, since: datetime) -> int:
        """Supplies wanted off since then."""
        query = {"site_id": site_id, "wanted.at": {"$gte": since}, "wanted.on": False}
        return await self._supplies.count_documents(query)
