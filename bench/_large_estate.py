"""A large estate written in bulks, through the documents that the product itself would have written one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from bson import Int64

from bench._estate import SITE_ID, SITE_PATH, Flat, add_site, flats
from chatwatt.wiring import Runtime
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Entry, Head, Kind, Line, Posting, chain, customer
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.supply import Outcome, Reported, Supply, Wanted
from prepaid.ports import Business
from prepaid.storage.ledger import entry_to_doc, head_to_doc
from prepaid.storage.mapping import Mapper
from prepaid.usecases.at_once import at_once
from prepaid.usecases.estate import day_start

BULK = 500
DAYS_BACK = 62
DEBTOR, SILENT, DARK = 50, 80, 40
"""One room in so many owes, has a meter that says nothing, or is off."""
POWER_W = 400
_ACCOUNTS, _METERS, _SUPPLIES = Mapper(Account), Mapper(Meter), Mapper(Supply, id_field="meter_id")
Bulk = tuple[str, list[Mapping[str, Any]]]


async def fill(runtime: Runtime, business: Business, gateways: int, meters: int) -> tuple[Flat, ...]:
    """Rooms in as many buildings as there are gateways: money, supplies, today's readings and two months of sums."""
    await add_site(business)
    site = await business.store.sites.site(SITE_ID)
    if site is None:
        raise InvariantBroken("the bench has no site")
    homes, now = flats(gateways, meters), business.clock.now()

    async def insert(bulk: Bulk) -> None:
        await runtime.database.collection(bulk[0]).insert_many(bulk[1], ordered=False)

    async for _ in at_once(_bulks(site, homes, now), insert):
        pass
    await _sums(business, site, gateways, meters, now)
    return homes


def _bulks(site: Site, homes: Sequence[Flat], now: datetime) -> Iterator[Bulk]:
    waiting: dict[str, list[Mapping[str, Any]]] = {}
    for number, flat in enumerate(homes):
        for name, row in _rows(site, number, flat, now):
            waiting.setdefault(name, []).append(row)
        for name, rows in waiting.items():
            if len(rows) >= BULK or number == len(homes) - 1:
                yield name, rows
                waiting[name] = []


def _rows(site: Site, number: int, flat: Flat, now: datetime) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything of one room."""
    before, entry = now - timedelta(days=1), _opening(number, flat, now - timedelta(days=1))
    reading = Reading(meter_id=flat.meter_id, at=now, energy_wh=9_000 + number % 500, power_w=POWER_W, relay_on=True)
    meter = replace(_meter(flat), last=reading, silent_since=before if number % SILENT == SILENT - 1 else None)
    yield "accounts", _ACCOUNTS.to_doc(Account(id=flat.account_id, site_id=SITE_ID, path=flat.path, label=flat.name))
    yield "meters", _METERS.to_doc(meter)
    yield "supplies", _SUPPLIES.to_doc(_supply(flat, on=number % DARK != DARK - 1, at=before))
    yield "entries", entry_to_doc(entry)
    yield "ledger_heads", {"_id": entry.account_id, **head_to_doc(entry.head)}
    for start in {day_start(site, now), day_start(site, before)}:
        yield "reading_days", _day(site, flat, start, reading.energy_wh)


def _meter(flat: Flat) -> Meter:
    return Meter(
        id=flat.meter_id,
        site_id=SITE_ID,
        path=flat.path,
        gateway_id=flat.gateway_id,
        unit=flat.unit,
        profile="-",
        account_id=flat.account_id,
    )


def _supply(flat: Flat, *, on: bool, at: datetime) -> Supply:
    return Supply(
        meter_id=flat.meter_id,
        account_id=flat.account_id,
        site_id=SITE_ID,
        gateway_id=flat.gateway_id,
        path=flat.path,
        wanted=Wanted(on=on, generation=1, reason="rule.no_credit" if not on else "rule.credit", at=at),
        reported=Reported(on=on, at=at),
        outcome=Outcome.CONFIRMED,
    )


def _opening(number: int, flat: Flat, at: datetime) -> Entry:
    amount = -5_000_000 if number % DEBTOR == DEBTOR - 1 else 20_000_000 + number * 1_000
    posting = Posting(
        account_id=flat.account_id,
        idem="opening",
        kind=Kind.ADJUSTMENT,
        lines=(Line(customer(flat.account_id), amount), Line("adjustments:opening", -amount)),
        effective_at=at,
        actor="bench",
        reason="reason.opening",
    )
    return chain(posting, Head(), at)


def _day(site: Site, flat: Flat, start: datetime, last_wh: int) -> Mapping[str, Any]:
    local: date = site.calendar.local(start).date()
    return {
        "_id": f"{flat.meter_id}:{local:%Y%m%d}",
        "m": flat.meter_id,
        "d": start,
        "v": {"0": Int64(1_000), "1": Int64(last_wh)},
        "first": Int64(1_000),
        "first_at": start,
        "last": Int64(last_wh),
        "last_at": start + timedelta(minutes=15),
        "n": 2,
    }


async def _sums(business: Business, site: Site, gateways: int, meters: int, now: datetime) -> None:
    """Days that are over, added up by building, as a page that was looked at before has left them."""
    for back in range(2, DAYS_BACK):
        start = day_start(site, now - timedelta(days=back))
        sums = {f"{SITE_PATH}/gw-{number}": (meters * (3_000 + 40 * number), 0) for number in range(gateways)}
        await business.store.panorama.keep_day_sums(site.id, start, sums)
