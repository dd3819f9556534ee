"""The month of 1,000 accounts with hourly use, energy and money: own processor time, memory, and the store beside it.

720,000 readings lie in day buckets and a bill for each day in the ledger. Ours is the finance report and the
consumption analysis of the whole site; the store's own are bare aggregations that only add the same documents up.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Int64

from bench._estate import SITE_ID, Flat, add_site, flats, scratch_runtime
from bench._frame import Limit
from chatwatt.wiring import Runtime
from prepaid.domain.access import CLOCK
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Head, chain
from prepaid.domain.metering import Meter, Reading
from prepaid.ports import Business
from prepaid.storage.ledger import entry_to_doc
from prepaid.storage.mapping import Mapper
from prepaid.usecases.at_once import at_once
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.site_use import site_use
from prepaid.usecases.spans import Span, span_of
from prepaid.usecases.usage_posting import first_mark, mark_after, usage_posting

GATEWAYS, METERS = 40, 25
MONTH = "2026-09"
DAYS = 30
HOURS = 24
BULK = 100
SLOTS_AN_HOUR = 4
_ACCOUNTS, _METERS = Mapper(Account), Mapper(Meter)

LIMITS: Mapping[str, Limit] = {"ratio_to_store": Limit(">=", 0.5), "peak_mb": Limit("<=", 32)}


@dataclass(frozen=True, slots=True)
class Sums:
    """What ours and the store's own must agree on."""

    energy_wh: int
    amount_micro: int
    entries: int


async def run() -> Mapping[str, int | float]:
    """Fills a month, then reports on it both ways; memory in a round of its own, because watching it takes time."""
    async with scratch_runtime() as runtime:
        business = runtime.business({})
        await add_site(business)
        site = await business.store.sites.site(SITE_ID)
        if site is None:
            raise InvariantBroken("the bench has no site")
        span, homes = span_of(site, MONTH), flats(GATEWAYS, METERS)
        began = time.perf_counter()
        await fill(runtime, site, span, homes)
        seeded = time.perf_counter() - began
        figures = await _figures(runtime, business, span, homes)
        return {"accounts": len(homes), "readings": len(homes) * DAYS * HOURS, "seed_s": round(seeded, 1), **figures}


async def _figures(
    runtime: Runtime, business: Business, span: Span, homes: Sequence[Flat]
) -> Mapping[str, int | float]:
    began = time.perf_counter()
    bare = await _bare(runtime, span, homes)
    bare_s = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    ours = await _ours(business, span)
    ours_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    if ours != bare:
        raise InvariantBroken(f"the report says {ours}, the store {bare}")
    tracemalloc.start()
    await _ours(business, span)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "cpu_s": round(cpu_s, 2),
        "peak_mb": round(peak / 2**20, 1),
        "ratio_to_store": round(bare_s / ours_s, 3),
        "ours_s": round(ours_s, 2),
        "store_s": round(bare_s, 2),
        "kwh": ours.energy_wh // 1000,
    }


async def _ours(business: Business, span: Span) -> Sums:
    """Money and energy, each account and the whole; loads, nights and odd hours of each meter."""
    finance = await finance_report(business, CLOCK, SITE_ID, span.name)
    use = await site_use(business, CLOCK, SITE_ID, span)
    if len(finance.accounts) != len(use.meters) or use.whole.base_w is None:
        raise InvariantBroken("the report lacks something")
    billed_wh = sum(each.electricity_wh for each in finance.accounts)
    if billed_wh != use.whole.energy_wh:
        raise InvariantBroken(f"{billed_wh} Wh were billed and {use.whole.energy_wh} used")
    amount = sum(finance.total(column) for column in finance.columns)
    return Sums(use.whole.energy_wh, amount, sum(each.entries for each in finance.accounts))


async def _bare(runtime: Runtime, span: Span, homes: Sequence[Flat]) -> Sums:
    """The store adds up, a meter and an account at a time by its indexes, as many at once as ours asks for."""
    days, entries = runtime.database.collection("reading_days"), runtime.database.collection("entries", durable=True)
    of_days = {"_id": None, "first": {"$min": "$v.0"}, "last": {"$max": "$v.0"}, "n": {"$sum": 1}}
    of_entries = {"_id": "$kind", "delta": {"$sum": "$delta"}, "n": {"$sum": 1}}

    async def ask(flat: Flat) -> Sums:
        at: dict[str, Any] = {"m": flat.meter_id, "d": {"$gte": span.since, "$lte": span.until}}
        registers = [row async for row in days.aggregate([{"$match": at}, {"$group": of_days}])]
        posted: dict[str, Any] = {"acc": flat.account_id, "at": {"$gte": span.since, "$lt": span.until}}
        kinds = [row async for row in entries.aggregate([{"$match": posted}, {"$group": of_entries}])]
        return Sums(
            sum(row["last"] - row["first"] for row in registers),
            sum(row["delta"] for row in kinds),
            sum(row["n"] for row in kinds),
        )

    found = [each async for each in at_once(homes, ask)]
    return Sums(
        sum(each.energy_wh for each in found),
        sum(each.amount_micro for each in found),
        sum(each.entries for each in found),
    )


async def fill(runtime: Runtime, site: Site, span: Span, homes: Sequence[Flat]) -> None:
    """Everything in bulks: places, the days of the month and the first reading after it, and the bills."""
    bulks = _bulks(site, span, homes)

    async def insert(bulk: tuple[str, list[Mapping[str, Any]]]) -> None:
        await runtime.database.collection(bulk[0]).insert_many(bulk[1], ordered=False)

    async for _ in at_once(bulks, insert):
        pass


def _bulks(site: Site, span: Span, homes: Sequence[Flat]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    waiting: dict[str, list[Mapping[str, Any]]] = {"accounts": [], "meters": [], "reading_days": [], "entries": []}
    for number, flat in enumerate(homes):
        account = Account(id=flat.account_id, site_id=site.id, path=flat.path, label=flat.name)
        meter = _meter(flat, site)
        waiting["accounts"].append(_ACCOUNTS.to_doc(account))
        waiting["meters"].append(_METERS.to_doc(meter))
        waiting["reading_days"] += [_day(flat, number, span.since, day) for day in range(DAYS + 1)]
        waiting["entries"] += _bills(account, meter, site, number, span)
        last = number == len(homes) - 1
        for name, rows in waiting.items():
            if len(rows) >= BULK or last:
                yield name, rows
                waiting[name] = []


def _meter(flat: Flat, site: Site) -> Meter:
    return Meter(
        id=flat.meter_id,
        site_id=site.id,
        path=flat.path,
        gateway_id=flat.gateway_id,
        unit=flat.unit,
        profile="-",
        account_id=flat.account_id,
    )


def _register(number: int, hour: int) -> int:
    """A flat's register: a base load all day, more in the evening, and flats that differ."""
    day, at = divmod(hour, HOURS)
    evening = sum(range(max(0, at - 17)))
    return 1_000 + (day * HOURS + at) * (60 + number % 90) + (day * 15 + evening) * (40 + number % 37)


def _day(flat: Flat, number: int, since: datetime, day: int) -> Mapping[str, Any]:
    """One bucket, as keeping the readings one by one makes it; of the day after the month only the first reading."""
    start, hours = since + timedelta(days=day), range(HOURS if day < DAYS else 1)
    values = {str(hour * SLOTS_AN_HOUR): Int64(_register(number, day * HOURS + hour)) for hour in hours}
    return {
        "_id": f"{flat.meter_id}:{start + timedelta(hours=8):%Y%m%d}",
        "m": flat.meter_id,
        "d": start,
        "v": values,
        "last": values[str(hours[-1] * SLOTS_AN_HOUR)],
        "last_at": start + timedelta(hours=hours[-1]),
        "n": len(hours),
    }


def _bills(account: Account, meter: Meter, site: Site, number: int, span: Span) -> list[Mapping[str, Any]]:
    """A bill at each midnight, chained as the ledger does it; the month's last one just before it ends."""
    head = Head()
    rows: list[Mapping[str, Any]] = []
    first = Reading(meter_id=meter.id, at=span.since.astimezone(UTC), energy_wh=_register(number, 0))
    meter = replace(meter, watermark=first_mark(site, first))
    for day in range(1, DAYS + 1):
        at = span.since + timedelta(days=day) - timedelta(seconds=day // DAYS)
        reading = Reading(meter_id=meter.id, at=at, energy_wh=_register(number, day * HOURS))
        posting = usage_posting(meter, account, site, reading)
        if posting is None:
            raise InvariantBroken("a day of use costs nothing")
        entry = chain(posting, head, at)
        head, meter = entry.head, replace(meter, watermark=mark_after(entry))
        rows.append(entry_to_doc(entry))
    return rows
