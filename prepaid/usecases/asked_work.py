"""Work whose answer comes later than whoever asked waits: it is kept in the store until it is looked at.

Only who asked sees it, and only with the roles that they had then: what it says was judged by those (A1, A2). A process
that died in the middle leaves a row whose time runs out, and then nobody can say what came of the work.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from prepaid.domain.access import Actor
from prepaid.domain.errors import not_found
from prepaid.ports import Business, KeptReply, topic_field

WORK = timedelta(seconds=90)
KEPT = timedelta(days=7)
WAIT_S_MAX = 25.0
LOOK_EVERY_S = 2.0
"""A hint may be lost, so whoever waits looks by himself now and then (Y2)."""
LOST = 504
"""The status of work that nobody finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWork:
    """Work under way. `id` is what whoever asked looks for."""

    id: str
    row: str
    holder: str


async def keep_asked(business: Business, actor: Actor) -> AskedWork:
    """Makes the row that the answer will stand in."""
    work = AskedWork(id=secrets.token_hex(12), row="", holder=secrets.token_hex(8))
    row, now = _row(actor, work.id), business.clock.now()
    wish = KeptReply(id=row, request_hash="", holder=work.holder, until=now + WORK, expires_at=now + KEPT)
    await business.store.replies.begin(wish, now)
    return AskedWork(id=work.id, row=row, holder=work.holder)


async def finish_asked(business: Business, work: AskedWork, status: int, body: str) -> None:
    """The answer, and a word to whoever waits for it."""
    await business.store.replies.finish(work.row, work.holder, status, body)
    await business.wakeups.wake(topic_field(work.id))


async def look_at_asked(
    business: Business, actor: Actor, work_id: str, *, wait_s: float = 0, stopping: asyncio.Event | None = None
) -> KeptReply:
    """The row; `status` 0 while there is no answer, for which it waits up to `wait_s`. `LOST` where none will come.

    Raises `Refused("refused.not_found")` for another's as for a missing one.
    """
    end_s = business.clock.monotonic() + min(wait_s, WAIT_S_MAX)
    async with business.wakeups.waiter(topic_field(work_id)) as waiter:
        while True:
            now = business.clock.now()
            row = await business.store.replies.get(_row(actor, work_id))
            if row is None:
                raise not_found()
            if row.status == 0 and now >= row.until:
                return KeptReply(id=row.id, request_hash="", holder=row.holder, until=row.until, status=LOST)
            left_s = end_s - business.clock.monotonic()
            if row.status or left_s <= 0 or (stopping is not None and stopping.is_set()):
                return row
            await waiter.wait(min(left_s, LOOK_EVERY_S))


def _row(actor: Actor, work_id: str) -> str:
    roles = sorted(f"{grant.role}@{grant.scope}" for grant in actor.grants)
    return hashlib.sha256("\n".join(("asked", actor.id, work_id, *roles)).encode()).hexdigest()
