"""Numbered changes of documents that are stored already; indexes and validators are made at every start anyway.

Each can run again, and in several processes at once, without another effect; so a row in `schema_migrations` only saves
work and needs no lock. Old code goes on working on what a newer one has migrated, because fields are only added, and
new code reads documents that were not migrated yet, because new fields have defaults (a rolling upgrade needs both).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.migrations import m0001_register_epochs, m0002_listed_fees, m0003_notice_lanes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Migration:
    """One change. `run` returns how many documents it changed."""

    number: int
    name: str
    run: Callable[[Database], Awaitable[int]]


MIGRATIONS = (
    Migration(1, "register_epochs", m0001_register_epochs.run),
    Migration(2, "listed_fees", m0002_listed_fees.run),
    Migration(3, "notice_lanes", m0003_notice_lanes.run),
)


async def migrate(database: Database, now: datetime) -> int:
    """Runs what this database has not seen yet, in order; returns how many ran."""
    rows = database.collection("schema_migrations", durable=True)
    done = {row["_id"] for row in await rows.find_list({}, {"_id": 1}, limit=10_000)}
    waiting = [each for each in MIGRATIONS if each.number not in done]
    for migration in waiting:
        changed = await migration.run(database)
        try:
            await rows.insert_one({"_id": migration.number, "name": migration.name, "at": now})
        except DuplicateKey:
            continue  # Another process did the same at the same time, and said so first.
        log.info("migrated", number=migration.number, name=migration.name, changed=changed)
    return len(waiting)


async def migrate_again(database: Database, now: datetime) -> None:
    """Runs every migration on documents that came from elsewhere, such as an old backup."""
    for migration in MIGRATIONS:
        await migration.run(database)
    await migrate(database, now)
