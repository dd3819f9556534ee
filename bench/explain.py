"""The statement of a year of hourly settlements in one account, streamed: own processor time and memory.

The year is priced by the real rules on a price list of three bands and three steps, chained as the ledger does it, and
put into the embedded store in bulks. Own time is that of this process, driver included; `bare_ms` is what the driver
alone takes for the same documents.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bench._estate import Flat, add_site, scratch_runtime
from bench._frame import Limit, percentile
from bench._pricing import tou_step_plan
from chatwatt.wiring import Runtime
from prepaid.domain.access import CLOCK
from prepaid.domain.accounts import Account, Site
from prepaid.domain.ledger import Entry, Head, Posting, chain
from prepaid.domain.metering import Meter, Reading
from prepaid.ports import Business
from prepaid.storage.ledger import ROW_FIELDS, ROWS_A_PAGE, entry_to_doc
from prepaid.usecases.explain import explain
from prepaid.usecases.show_statement import show_statement
from prepaid.usecases.usage_posting import first_mark, mark_after, usage_posting

HOURS = 8_760
TIMES = 31
"""So many that the median is not that of the half second in which a neighbour on the machine was busy."""
EXPLAINED = 200
BULK = 250
"""A busy machine must not take longer for one than a write may."""
FLAT = Flat(gateway=0, unit=1)

LIMITS: Mapping[str, Limit] = {"p50_ms": Limit("<=", 60), "peak_mb": Limit("<=", 4)}


async def run() -> Mapping[str, int | float]:
    """Measures whole statements, in turn with the bare driver, and explanations of single entries."""
    async with scratch_runtime() as runtime:
        business = runtime.business({})
        await add_site(business)
        site = await business.store.sites.site("bench")
        if site is None:
            raise RuntimeError("the bench has no site")
        site = replace(site, tariff=tou_step_plan())
        account = Account(id=FLAT.account_id, site_id=site.id, path=FLAT.path, label=FLAT.name)
        await business.store.sites.save_site(site)
        await business.store.sites.save_account(account)
        since = business.clock.now() - timedelta(hours=HOURS)
        await _fill(runtime, business, list(_year(site, account, since)))
        return await _figures(runtime, business, business.clock.now())


async def _figures(runtime: Runtime, business: Business, until: datetime) -> Mapping[str, int | float]:
    turns = [(await _statement(business, until), await _bare(runtime)) for _ in range(TIMES)]
    took, bare = zip(*turns, strict=True)
    tracemalloc.start()
    await _statement(business, until)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    began = time.process_time()
    for seq in range(1, EXPLAINED + 1):
        await explain(business, CLOCK, FLAT.account_id, seq)
    each = (time.process_time() - began) / EXPLAINED
    return {
        "entries": HOURS,
        "p50_ms": round(1000 * percentile(took, 0.5), 1),
        "p95_ms": round(1000 * percentile(took, 0.95), 1),
        "bare_ms": round(1000 * percentile(bare, 0.5), 1),
        "peak_mb": round(peak / 2**20, 2),
        "explain_entry_ms": round(1000 * each, 2),
    }


def _year(site: Site, account: Account, since: datetime) -> Iterator[tuple[Posting, Entry]]:
    """The postings of a year and what becomes of them, as settling every hour makes them."""
    head, register = Head(), 1_000
    meter = Meter(
        id=FLAT.meter_id, site_id=site.id, path=FLAT.path, gateway_id="gw-0", unit=1, profile="-", account_id=account.id
    )
    meter = replace(meter, watermark=first_mark(site, Reading(meter_id=meter.id, at=since, energy_wh=register)))
    for hour in range(1, HOURS + 1):
        at, register = since + timedelta(hours=hour), register + 200 + hour * 37 % 900
        posting = usage_posting(meter, account, site, Reading(meter_id=meter.id, at=at, energy_wh=register))
        if posting is None:
            raise RuntimeError("an hour of use costs nothing")
        entry = chain(posting, head, at)
        head, meter = entry.head, replace(meter, watermark=mark_after(entry))
        yield posting, entry


async def _fill(runtime: Runtime, business: Business, year: Sequence[tuple[Posting, Entry]]) -> None:
    """In bulks; the last one through the ledger, which also brings its cached row up to date."""
    collection = runtime.database.collection("entries")
    for first in range(0, HOURS - 1, BULK):
        page = year[first : min(first + BULK, HOURS - 1)]
        await collection.insert_many([entry_to_doc(entry) for _, entry in page])
    await business.store.ledger.post(year[-1][0])


async def _statement(business: Business, until: datetime) -> float:
    """Processor seconds for a whole statement."""
    began = time.process_time()
    since = until - timedelta(days=366)
    until += timedelta(seconds=1)
    view = await show_statement(business, CLOCK, FLAT.account_id, since=since, until=until)
    spent = 0
    async for page in view.pages:
        spent += sum(row.amount_micro for row in page)
    took = time.process_time() - began
    if (view.entries, view.opening_micro + spent) != (HOURS, view.closing_micro):
        raise RuntimeError("the statement does not tie")
    return took


async def _bare(runtime: Runtime) -> float:
    """Processor seconds of the driver alone for the same documents in the same pages."""
    collection = runtime.database.collection("entries", durable=True, naive=True)
    began = time.process_time()
    for first in range(1, HOURS + 1, ROWS_A_PAGE):
        query = {"acc": FLAT.account_id, "seq": {"$gte": first, "$lt": first + ROWS_A_PAGE}}
        await collection.find_list(query, ROW_FIELDS, sort=[("seq", 1)], limit=ROWS_A_PAGE)
    return time.process_time() - began
