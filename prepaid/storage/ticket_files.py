"""The bytes of pictures and files that came with tickets, and the one write that puts a file on a ticket."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from prepaid.domain.tickets import MOST_FILES, TicketFile
from prepaid.storage.driver import Collection, Database, DuplicateKey


async def attached(tickets: Collection, ticket_id: str, state: str, file: TicketFile) -> bool:
    """Whether the ticket, while it is in `state`, has taken the file: the filter counts, so that nobody else has to."""
    query = {
        "_id": ticket_id,
        "state": state,
        "files.digest": {"$ne": file.digest},
        f"files.{MOST_FILES - 1}": {"$exists": False},
    }
    return (await tickets.update_one(query, {"$push": {"files": asdict(file)}})).matched_count == 1


class MongoTicketFiles:
    """Implements `prepaid.ports.TicketFiles`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("ticket_files", durable=True)

    async def migrate(self) -> None:
        """Creates the index by which the store forgets."""
        await self._rows.create_index([("until", 1)], name="expiry", expireAfterSeconds=0)

    async def keep(self, ticket_id: str, digest: str, content: bytes, until: datetime) -> None:
        """The digest is part of the key."""
        try:
            await self._rows.insert_one({"_id": _key(ticket_id, digest), "content": content, "until": until})
        except DuplicateKey:
            return

    async def get(self, ticket_id: str, digest: str, now: datetime) -> bytes | None:
        """The store forgets about once a minute; what is over is not given out before that either."""
        row = await self._rows.find_one({"_id": _key(ticket_id, digest), "until": {"$gt": now}})
        return None if row is None else bytes(row["content"])

    async def drop(self, ticket_id: str, digest: str) -> None:
        """What no ticket has taken."""
        await self._rows.delete_one({"_id": _key(ticket_id, digest)})


def _key(ticket_id: str, digest: str) -> str:
    return f"{ticket_id}:{digest}"
