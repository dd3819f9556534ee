"""Fees in price lists were not billed before: on sites from then they are from the day of this migration on."""

from __future__ import annotations

from datetime import UTC, datetime

from prepaid.storage.driver import Database


async def run(database: Database) -> int:
    """Sets the day on sites that have no such field; sites that are set up later have it, empty."""
    sites = database.collection("sites", durable=True)
    today = datetime.now(UTC).date().isoformat()
    counts = await sites.update_many({"listed_fees_from": {"$exists": False}}, {"$set": {"listed_fees_from": today}})
    return counts.modified_count
