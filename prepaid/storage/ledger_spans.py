"""What reports need of the entries of an account and a month: one document, which the store makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Kind
from prepaid.ports import LedgerSpan
from prepaid.storage.driver import Collection, Document

MOST_ENTRIES = 20_000
"""A quarter-hourly settlement makes some 3,000 a month, of which a document of 16 MB holds far more."""
_NAIVE = datetime(2020, 1, 1)  # noqa: DTZ001 - as the driver gives instants here: in UTC, without saying so
_AWARE = _NAIVE.replace(tzinfo=UTC)
_NOTHING = LedgerSpan((), (), (), (), (), (), (), ())
_FIELDS: Mapping[str, Any] = {
    "_id": None,
    "seqs": {"$push": "$seq"},
    "ats": {"$push": "$at"},
    "kinds": {"$push": "$kind"},
    "deltas": {"$push": "$delta"},
    "bals": {"$push": "$bal"},
    "texts": {"$push": {"$ifNull": ["$ref.lines", ""]}},
    "meters": {"$push": {"$ifNull": ["$ref.meter", ""]}},
    "moves": {"$push": {"$cond": [{"$eq": ["$kind", str(Kind.CONSUMPTION)]}, [], "$lines"]}},
}
_ORDER = ("seqs", "ats", "kinds", "deltas", "bals", "texts", "meters", "moves")


async def span_of(rows: Collection, query: Document) -> LedgerSpan:
    """`rows` reads times without their zone. Entries are put into the order of the chain here: they nearly are."""
    steps: list[Mapping[str, Any]] = [{"$match": query}, {"$limit": MOST_ENTRIES}, {"$group": _FIELDS}]
    pages = [page async for page in rows.aggregate(steps)]
    if not pages:
        return _NOTHING
    columns = [pages[0][name] for name in _ORDER]
    order = columns[0]
    if len(order) >= MOST_ENTRIES:
        raise Refused("refused.statement_long", most=MOST_ENTRIES)
    if any(after < before for before, after in itertools.pairwise(order)):
        places = sorted(range(len(order)), key=order.__getitem__)
        columns = [[column[place] for place in places] for column in columns]
    seqs, ats, kinds, deltas, bals, texts, meters, moves = columns
    return LedgerSpan(
        seqs,
        [_AWARE + (at - _NAIVE) for at in ats],
        kinds,
        deltas,
        bals,
        texts,
        meters,
        [[(line["a"], int(line["v"])) for line in each] for each in moves],
    )
