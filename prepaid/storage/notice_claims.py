"""Who delivers which rows of the outbox now, and what was delivered a moment ago, without a write for each row.

An update is the dearest thing that the embedded store does: more than a millisecond for each document, fifty times what
an insert of many costs. So a batch is claimed by the short spans of time that its rows are due in, one small row for
each span, and the ends of a batch are one row that names them. The rows themselves are brought up to date afterwards,
when nothing is due or enough has gathered. Until then a queued row that is named by an end counts as delivered.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prepaid.domain.notices import Lane, NoticeState
from prepaid.storage.driver import Database

SPAN = timedelta(milliseconds=200)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
FEW = 8
"""A batch of so few is written down on its rows at once."""
UNSETTLED_MOST = 20
"""Batches whose rows wait to be brought up to date, before delivering waits for that."""
ENDS_MOST = 200
SETTLE_AT_ONCE = 100


@dataclass(slots=True)
class Batch:
    """What one process has claimed."""

    token: str
    lane: Lane
    spans: list[str]
    until: datetime
    open: set[str] = field(default_factory=set)
    few: bool = False


class NoticeClaims:
    """Claims and ends of the outbox."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("notices", durable=True)
        self._claims = database.collection("notice_claims", durable=True)
        self._ends = database.collection("notice_ends", durable=True)
        self._token = secrets.token_hex(8)
        self._one_at_a_time = asyncio.Lock()
        self._held: dict[str, int] = {}
        """How many batches of this process lie in each span that it has."""
        self._batches: dict[str, Batch] = {}
        self._of: dict[str, str] = {}
        self._unsettled: dict[Lane, int] = dict.fromkeys(Lane, 0)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._ends.create_index([("lane", 1)])

    async def claim(self, lane: Lane, due: Mapping[str, datetime], now: datetime, until: datetime) -> Batch:
        """Claims the spans of these rows (id to due time), as far as nobody else has them."""
        batch = Batch(secrets.token_hex(8), lane, [], until)
        async with self._one_at_a_time:
            self._forget(now)
            wanted = sorted({span_of(lane, at) for at in due.values()} - self._held.keys())
            if wanted:
                rows = [{"_id": span, "token": self._token, "until": until} for span in wanted]
                counts = await self._claims.insert_many(rows, ordered=False)
                all_free = counts.inserted_count == len(wanted)
                self._held |= dict.fromkeys(wanted if all_free else await self._ours(wanted, now, until), 0)
            batch.open = {row_id for row_id, at in due.items() if self._is_free(row_id, lane, at)}
            batch.spans = sorted({span_of(lane, due[row_id]) for row_id in batch.open})
            for span in batch.spans:
                self._held[span] += 1
            await self._release([span for span in wanted if self._held.get(span) == 0])
        batch.few = len(batch.open) <= FEW
        if batch.open:
            self._batches[batch.token] = batch
            self._of |= dict.fromkeys(batch.open, batch.token)
        return batch

    def _is_free(self, row_id: str, lane: Lane, at: datetime) -> bool:
        """In a span of ours, and in no other batch."""
        return row_id not in self._of and span_of(lane, at) in self._held

    async def _ours(self, wanted: Sequence[str], now: datetime, until: datetime) -> list[str]:
        """Those that were free, and those whose holder let its time run out."""
        found = await self._claims.find_list({"_id": {"$in": list(wanted)}}, limit=len(wanted))
        ours = [row["_id"] for row in found if row["token"] == self._token and row["until"] > now]
        for row in found:
            if row["until"] <= now:
                query = {"_id": row["_id"], "token": row["token"], "until": row["until"]}
                changes = {"$set": {"token": self._token, "until": until}}
                if (await self._claims.update_one(query, changes)).matched_count == 1:
                    ours.append(row["_id"])
        return ours

    def is_ours(self, row_id: str) -> bool:
        """Whether it is in a batch of this process."""
        return row_id in self._of

    def _forget(self, now: datetime) -> None:
        """Batches whose time ran out belong to whoever claims their spans next."""
        for batch in [each for each in self._batches.values() if each.until <= now]:
            self._let_go(batch)
            for row_id in batch.open:
                self._of.pop(row_id, None)

    async def keep_only(self, batch: Batch, row_ids: Iterable[str]) -> None:
        """The others of the batch were no longer due."""
        for row_id in batch.open - set(row_ids):
            self._of.pop(row_id, None)
        batch.open &= set(row_ids)
        if not batch.open:
            await self._close(batch)

    async def delivered(self, *lanes: Lane) -> Mapping[str, datetime]:
        """Rows that have ended and do not say so yet, with the instant. No lanes: of all."""
        query = {"lane": {"$in": list(lanes or Lane)}}
        found = await self._ends.find_list(query, limit=ENDS_MOST)
        for lane in lanes:
            self._unsettled[lane] = sum(row["lane"] == lane for row in found)
        return {row_id: row["at"] for row in found for row_id in row["ids"]}

    async def end(self, row_ids: Sequence[str], others: Iterable[str], at: datetime) -> None:
        """These were delivered, `others` went otherwise; then what is complete is let go of."""
        by_token: dict[str, list[str]] = {}
        for row_id in row_ids:
            by_token.setdefault(self._of.get(row_id, ""), []).append(row_id)
        for token, ids in by_token.items():
            batch = self._batches.get(token)
            if batch is None or batch.few:
                await self._write(ids, at)
            else:
                await self._ends.insert_one({"_id": secrets.token_hex(8), "lane": batch.lane, "ids": ids, "at": at})
        for row_id in (*row_ids, *others):
            batch = self._batches.get(self._of.pop(row_id, ""))
            if batch is not None:
                batch.open.discard(row_id)
                if not batch.open:
                    await self._close(batch)

    async def settle(self, lane: Lane, *, forced: bool = False) -> None:
        """Brings the rows of an end up to date, if there is one; forced, only while too many wait."""
        if forced and self._unsettled[lane] < UNSETTLED_MOST:
            return
        for row in await self._ends.find_list({"lane": lane}, limit=1):
            for first in range(0, len(row["ids"]), SETTLE_AT_ONCE):
                await self._write(row["ids"][first : first + SETTLE_AT_ONCE], row["at"])
            await self._ends.delete_one({"_id": row["_id"]})

    async def _write(self, row_ids: Sequence[str], at: datetime) -> None:
        query = {"_id": {"$in": list(row_ids)}, "state": NoticeState.QUEUED}
        await self._rows.update_many(query, {"$set": {"state": NoticeState.DELIVERED, "done_at": at}})

    async def _close(self, batch: Batch) -> None:
        """Ends are written down by now, so whoever claims the spans next sees them."""
        async with self._one_at_a_time:
            await self._release(self._let_go(batch))

    async def _release(self, spans: Sequence[str]) -> None:
        for span in spans:
            self._held.pop(span, None)
        if spans:
            await self._claims.delete_many({"_id": {"$in": list(spans)}, "token": self._token})

    def _let_go(self, batch: Batch) -> list[str]:
        """The spans that no other batch of this process has."""
        if self._batches.pop(batch.token, None) is None:
            return []
        for span in batch.spans:
            self._held[span] -= 1
        free = [span for span in batch.spans if self._held[span] <= 0]
        for span in free:
            del self._held[span]
        return free


def span_of(lane: Lane, at: datetime) -> str:
    """The claim that a row due at an instant belongs to."""
    return f"{lane}:{(at - EPOCH) // SPAN}"
