"""How many more messages people have agreed to, by template. One row each; every change is one conditional write."""

from __future__ import annotations

from collections.abc import Mapping

from prepaid.storage.driver import Database, DuplicateKey

MOST_TEMPLATES = 100


class MongoQuotas:
    """Implements `prepaid.ports.Quotas`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("message_quotas", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("person_id", 1)])

    async def add(self, person_id: str, template: str, most: int) -> None:
        """One more, unless there are `most`."""
        row_id = f"{person_id}:{template}"
        change = {"$inc": {"left": 1}, "$setOnInsert": {"person_id": person_id, "template": template}}
        try:
            await self._rows.update_one({"_id": row_id, "left": {"$lt": most}}, change, upsert=True)
        except DuplicateKey:
            # The row is there and full, or another process has just made it.
            await self._rows.update_one({"_id": row_id, "left": {"$lt": most}}, {"$inc": {"left": 1}})

    async def take(self, person_id: str, template: str) -> bool:
        """Whether there was one left; it is used up."""
        query = {"_id": f"{person_id}:{template}", "left": {"$gt": 0}}
        return (await self._rows.update_one(query, {"$inc": {"left": -1}})).matched_count == 1

    async def clear(self, person_id: str, template: str) -> None:
        """None left."""
        await self._rows.update_one({"_id": f"{person_id}:{template}"}, {"$set": {"left": 0}})

    async def of_person(self, person_id: str) -> Mapping[str, int]:
        """What is left, by template."""
        rows = await self._rows.find_list({"person_id": person_id}, limit=MOST_TEMPLATES)
        return {str(row["template"]): int(row["left"]) for row in rows}
