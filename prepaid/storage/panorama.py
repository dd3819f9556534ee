"""A whole jurisdiction in few questions. The store puts fields into columns: one document for thousands of rows.

A row of its own for each meter costs the program several microseconds, a place in a column a tenth of that. A field
that may be missing is named with what stands for it, so that columns stay of one length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import Int64

from prepaid.domain.errors import InvariantBroken
from prepaid.ports.panorama import (
    AccountColumns,
    BalanceColumns,
    DayColumns,
    DaySums,
    MeterColumns,
    PaidColumns,
    SupplyColumns,
)
from prepaid.storage.driver import Collection, Database, Document

FEW: Final = 400
"""Up to so many accounts are asked for by name, more are picked out of all."""
NAMES_AT_ONCE: Final = 50
"""The embedded store takes four times as long for a question with twice as many names."""
SUMS_KEPT_S: Final = 7 * 366 * 24 * 3600
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
SITE_MOST: Final = 100_000
DAYS_MOST: Final = 800

_ACCOUNTS: Final = (
    "$_id",
    "$path",
    "$label",
    "=$site_id",
    "=$status",
    {"=": {"$ifNull": ["$utility", ""]}},
    {"=": {"$add": [{"$ifNull": ["$overdraft_micro", 0]}, {"$ifNull": ["$emergency_micro", 0]}]}},
    {"=": {"$ifNull": ["$alerts.low_balance_micro", []]}},
)
_SUPPLIES: Final = (
    "$_id",
    {"$ifNull": ["$account_id", None]},
    "=$wanted.on",
    {"=": {"$ifNull": ["$wanted.reason", ""]}},
    {"=": {"$ifNull": ["$reported.on", None]}},
    {"=": {"$ifNull": ["$outcome", ""]}},
    {"=": {"$ifNull": ["$hold.kind", None]}},
    {"=": {"$ifNull": ["$hold.until", None]}},
)
_METERS: Final = (
    "$_id",
    "$path",
    "=$gateway_id",
    {"$ifNull": ["$account_id", None]},
    {"=": {"$ifNull": ["$utility", ""]}},
    {"$ifNull": ["$last.power_w", None]},
    {"$ifNull": ["$last.at", None]},
)
_HEADS: Final = ("$_id", "$seq", "$bal")
_ENTRIES: Final = ("$acc", "$seq", "$bal")
_RUNNING: Final = ("$m", {"$subtract": ["$last", {"$ifNull": ["$first", "$last"]}]})
_CLOSED: Final = ("$m", "$use")
_PAID: Final = ("$account_id", "$amount_fen", "$paid_at")


class MongoPanorama:
    """Implements `prepaid.ports.panorama.Panorama`."""

    def __init__(self, database: Database) -> None:
        self._accounts = database.collection("accounts")
        self._heads = database.collection("ledger_heads")
        self._entries = database.collection("entries", durable=True)
        self._supplies = database.collection("supplies")
        self._meters = database.collection("meters")
        self._columns_of_meters = database.collection("meters", naive=True)
        self._days = database.collection("reading_days")
        self._daily = database.collection("usage_daily")
        self._sums = database.collection("usage_day_sums")
        self._orders = database.collection("orders")

    async def migrate(self) -> None:
        """Creates the indexes that only this needs; sums expire with what they were made from."""
        await self._sums.create_index([("site_id", 1), ("d", 1)])
        await self._sums.create_index([("d", 1)], name="expiry", expireAfterSeconds=SUMS_KEPT_S)

    async def accounts(self, scope: str) -> AccountColumns:
        """Two ranges of the index, as everywhere that a subtree is read."""
        inside = {"$gte": f"{scope}/", "$lt": f"{scope}0"}  # "0" is the character after "/".
        own = await _columns(self._accounts, {"path": scope}, _ACCOUNTS)
        below = await _columns(self._accounts, {"path": inside}, _ACCOUNTS)
        return AccountColumns(*(one + other for one, other in zip(own, below, strict=True)))

    async def balances(self, account_ids: Sequence[str]) -> BalanceColumns:
        """By name where they are few."""
        if len(account_ids) > FEW:
            return BalanceColumns(*await _columns(self._heads, {}, _HEADS))
        found: list[list[Any]] = [[] for _ in _HEADS]
        for first in range(0, len(account_ids), NAMES_AT_ONCE):
            names = {"_id": {"$in": list(account_ids[first : first + NAMES_AT_ONCE])}}
            rows = await _columns(self._heads, names, _HEADS)
            found = [one + more for one, more in zip(found, rows, strict=True)]
        return BalanceColumns(*found)

    async def entries_since(self, at: datetime) -> BalanceColumns:
        """By the instant of commit."""
        return BalanceColumns(*await _columns(self._entries, {"at": {"$gte": at}}, _ENTRIES))

    async def supplies(self, site_id: str, *, changed_since: datetime | None = None) -> SupplyColumns:
        """By site, and by when the wanted state was set."""
        changed = {} if changed_since is None else {"wanted.at": {"$gte": changed_since}}
        return SupplyColumns(*await _columns(self._supplies, {"site_id": site_id, **changed}, _SUPPLIES))

    async def meters(self, site_id: str) -> MeterColumns:
        """By site."""
        return MeterColumns(*await _columns(self._columns_of_meters, {"site_id": site_id}, _METERS))

    async def silent(self, site_id: str) -> Mapping[str, datetime]:
        """Few, and found by the index."""
        query = {"site_id": site_id, "silent_since": {"$gt": LONG_AGO}}
        rows = await self._meters.find_list(query, {"silent_since": 1}, limit=SITE_MOST)
        return {row["_id"]: row["silent_since"] for row in rows}

    async def running_day(self, start: datetime) -> DayColumns:
        """From the first reading of the day to the newest."""
        return DayColumns(*await _columns(self._days, {"d": start}, _RUNNING))

    async def closed_day(self, start: datetime) -> DayColumns:
        """From the rows that outlive the readings."""
        return DayColumns(*await _columns(self._daily, {"d": start}, _CLOSED))

    async def day_sums(self, site_id: str, since: datetime, until: datetime) -> Mapping[datetime, DaySums]:
        """One row for a site's day. Places are kept in pairs: a place may have a dot or a dollar in its name."""
        query = {"site_id": site_id, "d": {"$gte": since, "$lt": until}}
        rows = await self._sums.find_list(query, {"d": 1, "sums": 1}, limit=DAYS_MOST)
        return {row["d"]: {place: (int(wh), int(litres)) for place, wh, litres in row["sums"]} for row in rows}

    async def keep_day_sums(self, site_id: str, start: datetime, sums: DaySums) -> None:
        """Whoever comes second writes the same."""
        pairs = [[place, Int64(wh), Int64(litres)] for place, (wh, litres) in sorted(sums.items())]
        row = {"site_id": site_id, "d": start, "sums": pairs}
        await self._sums.update_one({"_id": f"{site_id}:{start:%Y%m%d%H}"}, {"$set": row}, upsert=True)

    async def paid(self, provider: str, since: datetime, until: datetime) -> PaidColumns:
        """By the instant that the provider gave."""
        query = {"provider": provider, "paid_at": {"$gte": since, "$lt": until}}
        return PaidColumns(*await _columns(self._orders, query, _PAID))


async def _columns(rows: Collection, query: Document, fields: Sequence[Any]) -> list[list[Any]]:
    """The fields of all rows that match, a list for each; empty lists where none does.

    Fields marked with "=" are alike in many rows: they are sent once for all rows that have the same of them.
    """
    alike = {str(place): field for place, each in enumerate(fields) if (field := _alike(each)) is not None}
    pushed = {str(place): {"$push": field} for place, field in enumerate(fields) if str(place) not in alike}
    found: list[list[Any]] = [[] for _ in fields]
    for page in await rows.aggregate_list([{"$match": query}, {"$group": {"_id": alike or None, **pushed}}]):
        own = page["_id"] or {}
        count = len(page[next(iter(pushed))])
        if any(len(page[place]) != count for place in pushed):
            raise InvariantBroken(f"columns of {rows.name} differ in length")
        for place, column in enumerate(found):
            name = str(place)
            column.extend([own.get(name)] * count if name in alike else page[name])
    return found


def _alike(field: Any) -> Any:
    """What is behind the mark, None where there is none."""
    if isinstance(field, str):
        return field[1:] if field.startswith("=") else None
    return field.get("=")
