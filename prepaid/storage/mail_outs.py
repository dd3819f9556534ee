"""Reports and bills that people have sent to their chat: a row for each, found by person or by how often."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.mail_outs import Every, MailOut
from prepaid.storage.driver import Database
from prepaid.storage.mapping import Mapper

_MAIL_OUTS = Mapper(MailOut)


class MongoMailOuts:
    """Implements `prepaid.ports.schedule.MailOuts`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("mail_outs", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._rows.create_index([("person_id", 1)])
        await self._rows.create_index([("every", 1), ("key", 1)])

    async def keep(self, mail_out: MailOut) -> None:
        """By its id."""
        document = _MAIL_OUTS.to_doc(mail_out)
        row_id = document.pop("_id")
        # The id again as `key`: the embedded store has no index that orders by `_id`.
        await self._rows.update_one({"_id": row_id}, {"$set": {**document, "key": row_id}}, upsert=True)

    async def get(self, mail_out_id: str) -> MailOut | None:
        """By its id."""
        return _MAIL_OUTS.optional(await self._rows.find_one({"_id": mail_out_id}))

    async def drop(self, mail_out_id: str, person_id: str) -> bool:
        """Only the owner's own."""
        return await self._rows.delete_one({"_id": mail_out_id, "person_id": person_id}) == 1

    async def of_person(self, person_id: str, limit: int) -> Sequence[MailOut]:
        """In the order of the ids, which is of no meaning but always the same."""
        rows = await self._rows.find_list({"person_id": person_id}, limit=limit)
        return sorted(map(_MAIL_OUTS.from_doc, rows), key=lambda each: (each.ordered_at, each.id))

    async def page(self, every: Every, after: str, limit: int) -> Sequence[MailOut]:
        """By the index on both."""
        query = {"every": every.value, "key": {"$gt": after}}
        return [_MAIL_OUTS.from_doc(row) for row in await self._rows.find_list(query, sort=[("key", 1)], limit=limit)]

    async def sent(self, mail_out_id: str, span: str) -> None:
        """Marks it; one that was stopped meanwhile is not made anew."""
        await self._rows.update_one({"_id": mail_out_id}, {"$set": {"last": span}})
