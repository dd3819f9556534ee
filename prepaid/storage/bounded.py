"""Rows kept once, and queries that stay small: subtrees of the place tree, the newest rows of what grows for ever.

The embedded store reads the whole collection for an `$or`, and everything that a filter matches for a sorted query with
a limit. So a subtree is two plain queries, and "the newest" looks into the recent past first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from prepaid.domain.errors import InvariantBroken
from prepaid.storage.driver import Collection, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

T = TypeVar("T")

RECENT = timedelta(days=62)


async def below(
    rows: Collection, scope: str, query: Document, *, limit: int, field: str = "path", by: str = ""
) -> list[Document]:
    """Rows at `scope` or anywhere in its subtree (whole path segments only), sorted by the field `by` if one is named.

    `query` must not name `field`.
    """
    inside = {"$gte": f"{scope}/", "$lt": f"{scope}0"}  # "0" is the character after "/".
    found = await rows.find_list({**query, field: scope}, limit=limit)
    found += await rows.find_list({**query, field: inside}, limit=limit)
    return sorted(found, key=lambda row: row[by])[:limit] if by else found[:limit]


async def newest(
    rows: Collection, query: Document, field: str, *, limit: int, now: datetime, until: datetime | None = None
) -> list[Document]:
    """The newest rows by the instant `field`, newest first; what is older is asked for only if recent ones are few.

    With `until` those that are not after it.
    """
    since = (until or now) - RECENT
    recent = {"$gte": since} if until is None else {"$gte": since, "$lte": until}
    found = await rows.find_list({**query, field: recent}, sort=[(field, -1)], limit=limit)
    if len(found) < limit:
        older = {**query, field: {"$lt": since}}
        found += await rows.find_list(older, sort=[(field, -1)], limit=limit - len(found))
    return found


async def kept(rows: Collection, mapper: Mapper[T], value: T) -> T:
    """Inserts a row, or returns the one that has its id."""
    document = mapper.to_doc(value)
    try:
        await rows.insert_one(document)
    except DuplicateKey:
        held = mapper.optional(await rows.find_one({"_id": document["_id"]}))
        if held is None:
            raise InvariantBroken(f"row {document['_id']} vanished") from None
        return held
    return value


def not_after(field: str, at: datetime) -> Document:
    """The field is absent, null or at most `at`."""
    return {field: {"$not": {"$gt": at}}}
