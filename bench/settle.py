"""Readings settled per second, beside a bare loop that makes the same writes with the driver alone.

Both settle sweeps of 32 meters whose intervals are due, on the embedded store in one run, turn and turn about: the
journal entry and account row of each reading, its watermark, its meter's last reading and its slot of the day.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import Int64
from pymongo import UpdateOne

from bench._estate import PRICE_MICRO, Flat, add_flat, add_gateways, add_site, flats, scratch_runtime
from bench._frame import Limit
from bench._pricing import priced
from chatwatt.wiring import Runtime
from prepaid.domain.metering import Reading, Sweep
from prepaid.ports import Business
from prepaid.usecases.settle_readings import settle_readings

METERS = 32
GATEWAYS = 4
WARM_ROUNDS = 2
ROUNDS = 12
STEP_S = 900
STEP_WH = 250
CREDIT_MICRO = 900_000_000

LIMITS: Mapping[str, Limit] = {"ratio": Limit(">=", 0.7), "priced_flat_per_s": Limit(">=", 50_000)}


@dataclass(frozen=True, slots=True)
class Round:
    """One register value for every meter at one instant."""

    number: int
    at: datetime
    energy_wh: int


@dataclass(slots=True)
class Took:
    """Seconds of wall clock and of our own processor time."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


async def run() -> Mapping[str, int | float]:
    """Measures both, and pricing alone."""
    async with scratch_runtime() as runtime:
        business = runtime.business({})
        homes = flats(2 * GATEWAYS, METERS)
        await add_site(business, settle_every_s=STEP_S)
        await add_gateways(business, [1] * 2 * GATEWAYS)
        for flat in homes:
            await add_flat(business, flat, balance_micro=CREDIT_MICRO, on=True, poll_every_s=60)
        ours, bare = await _both(business, Bare(runtime), homes)
    readings = ROUNDS * len(homes) // 2
    return {
        "readings": readings,
        "settled_per_s": round(readings / ours.wall_s),
        "bare_per_s": round(readings / bare.wall_s),
        "ratio": round(bare.wall_s / ours.wall_s, 3),
        "own_cpu_us_per_reading": round(1e6 * ours.cpu_s / readings),
        "bare_cpu_us_per_reading": round(1e6 * bare.cpu_s / readings),
        **priced(),
    }


async def _both(business: Business, bare: Bare, homes: Sequence[Flat]) -> tuple[Took, Took]:
    """Half of the flats each, turn and turn about, so that a slow moment of the machine hits both."""
    start, ours_took, bare_took = business.clock.now() - timedelta(days=30), Took(), Took()
    sweeps = [homes[at : at + METERS] for at in range(0, len(homes), METERS)]
    for number in range(WARM_ROUNDS + ROUNDS):
        each = Round(number, start + timedelta(seconds=number * STEP_S), 1_000_000 + number * STEP_WH)
        counted = number >= WARM_ROUNDS
        for sweep in sweeps[:GATEWAYS]:
            await _timed(ours_took if counted else Took(), settle_readings(business, _sweep(sweep, each)))
        for sweep in sweeps[GATEWAYS:]:
            await _timed(bare_took if counted else Took(), bare.settle(sweep, each))
    return ours_took, bare_took


async def _timed(took: Took, work: Awaitable[None]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    await work
    took.wall_s += time.perf_counter() - began
    took.cpu_s += time.process_time() - cpu


def _sweep(homes: Sequence[Flat], each: Round) -> Sweep:
    readings = tuple(
        Reading(meter_id=flat.meter_id, at=each.at, energy_wh=each.energy_wh, relay_on=True) for flat in homes
    )
    return Sweep(gateway_id=homes[0].gateway_id, readings=readings)


class Bare:
    """The same writes in the same bulks, under the same concerns and indexes, with nothing read, judged or checked."""

    def __init__(self, runtime: Runtime) -> None:
        database = runtime.database
        self._entries = database.collection("entries", durable=True)
        self._heads = database.collection("ledger_heads")
        self._meters = database.collection("meters", durable=True)
        self._seen = database.collection("meters")
        self._days = database.collection("reading_days")

    async def settle(self, homes: Sequence[Flat], each: Round) -> None:
        """One sweep."""
        meters, accounts = [flat.meter_id for flat in homes], [flat.account_id for flat in homes]
        await self._seen.bulk_write([_last(meter, each) for meter in meters])
        await self._days.bulk_write([write for meter in meters for write in _slot(meter, each)])
        if each.number == 0:
            await self._meters.bulk_write([_mark(meter, None, each) for meter in meters])
            return
        await self._entries.insert_many([_entry(account, each) for account in accounts], ordered=False)
        await self._heads.bulk_write([_head(account, each) for account in accounts])
        before = each.at - timedelta(seconds=STEP_S)
        await self._meters.bulk_write([_mark(meter, before, each) for meter in meters])


def _last(meter: str, each: Round) -> UpdateOne:
    empty = dict.fromkeys(("power_w", "voltage_mv", "current_ma", "serial"))
    last = {"meter_id": meter, "at": each.at, "energy_wh": each.energy_wh, "relay_on": True, **empty}
    fields = {"last": last, "fresh_run": each.number, "held": 0, "doubt": None, "doubted": None}
    return UpdateOne({"_id": meter, "last.at": {"$not": {"$gt": each.at}}}, {"$set": fields})


def _mark(meter: str, before: datetime | None, each: Round) -> UpdateOne:
    condition = {"watermark": None} if before is None else {"watermark.at": before}
    mark = {"at": each.at, "energy_wh": each.energy_wh, "period": f"{each.at:%Y-%m}", "period_wh": 0}
    return UpdateOne({"_id": meter, **condition}, {"$set": {"watermark": mark}})


def _head(account: str, each: Round) -> UpdateOne:
    seq = Int64(each.number + 1)
    head = {"seq": seq, "bal": Int64(each.number), "hash": "0" * 64, "credit_seq": Int64(1)}
    return UpdateOne({"_id": account, "seq": {"$lt": seq}}, {"$set": head}, upsert=True)


def _slot(name: str, each: Round) -> list[UpdateOne]:
    value, day = Int64(each.energy_wh), {"_id": f"{name}:{each.at:%Y%m%d}"}
    key = f"v.{each.at.hour * 4 + each.at.minute // 15}"
    newest = {"$max": {"last": value, "last_at": each.at}, "$setOnInsert": {"m": name, "d": each.at}}
    return [UpdateOne(day, newest, upsert=True), UpdateOne({**day, key: {"$exists": False}}, {"$set": {key: value}})]


def _entry(name: str, each: Round) -> dict[str, Any]:
    """As long as a real one."""
    idem, amount = f"use:{name}:{each.at.isoformat()}", Int64(STEP_WH * PRICE_MICRO // 1000)
    instant = each.at.isoformat()
    return {
        "_id": f"{name}:{idem}",
        "acc": name,
        "seq": Int64(each.number + 1),
        "idem": idem,
        "req": "0" * 64,
        "kind": "consumption",
        "lines": [{"a": f"customer:{name}", "v": Int64(-amount)}, {"a": "revenue:electricity", "v": amount}],
        "delta": Int64(-amount),
        "bal": Int64(CREDIT_MICRO - amount * each.number),
        "at": each.at,
        "effective_at": each.at,
        "actor": f"meter:{name}",
        "reason": "reason.consumption",
        "ccy": "CNY",
        "ref": {
            "meter": name,
            "from_at": instant,
            "to_at": instant,
            "from_wh": Int64(1),
            "to_wh": Int64(each.energy_wh),
        },
        "credit_seq": Int64(1),
        "prev": "0" * 64,
        "hash": "0" * 64,
    }
