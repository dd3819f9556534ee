"""Notices had no lanes before: what waits from then goes the prompt way."""

from __future__ import annotations

from prepaid.storage.driver import Database


async def run(database: Database) -> int:
    """Sets the lane on rows that have no such field."""
    rows = database.collection("notices", durable=True)
    counts = await rows.update_many({"lane": {"$exists": False}}, {"$set": {"lane": "prompt"}})
    return counts.modified_count
