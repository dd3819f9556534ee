"""Readings that were held before there were cases for them: the next sweep holds them anew, and opens the case."""

from __future__ import annotations

from prepaid.storage.driver import Database


async def run(database: Database) -> int:
    """Clears the count of meters that have no doubtful reading stored; their run of fresh readings stays at nought."""
    meters = database.collection("meters", durable=True)
    counts = await meters.update_many({"held": {"$gt": 0}, "doubted": None}, {"$set": {"held": 0, "fresh_run": 0}})
    return counts.modified_count
