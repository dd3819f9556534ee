"""Notices delivered per second to a fast server, beside a bare client that makes the same calls; and the next claim.

Both in one run, turn and turn about, over the same connections and as many at once. Ours is the whole way: rows of the
outbox claimed, the person and the site's rules read, quiet hours and ladder decided, words chosen, the body signed and
posted, the end written down. The bare client posts bodies that are made already. The server is a process of its own.

`ratio_to_floor` is against a bare client that also makes the one write which a row needs that says of itself that it
was delivered: 200 at a time, one command for all. Ours writes one row for each batch instead and brings the rows up to
date when nothing is due; `tidied_per_s` is how fast, and is not part of the other figures.

`claim_growth` is what claiming one row takes with 100,000 rows waiting, over what it takes with 100, both after the
first twelve claims; `claim_first_ms` is the very first of 100,000, when a process does not know yet where rows wait.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import aiohttp

from bench._estate import SITE_ID, add_site, scratch_runtime
from bench._frame import Limit
from bot.channels.webhook import WebhookSender, body_of
from bot.outgoing import Sealer, open_session, post
from chatwatt.wiring import Runtime
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.notices import Lane, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address, Person
from prepaid.ports import Business
from prepaid.storage.mongo import store_over
from prepaid.usecases.deliver_notices import deliver_notices

PEOPLE = 200
ROUND = 2_000
ROUNDS = 3
AT_ONCE = 200
FEW, MANY = 100, 100_000
WARM, CLAIMS = 12, 15
BULK = 2_000

LIMITS: Mapping[str, Limit] = {"ratio_to_bare": Limit(">=", 0.5), "claim_growth": Limit("<=", 1.2)}


async def run() -> Mapping[str, int | float]:
    """Measures."""
    async with scratch_runtime() as runtime:
        few_ms, first_ms, many_ms = await _claims(runtime)
    async with scratch_runtime() as runtime, _server() as url, open_session(private=True) as session:
        ours, bare, floor, tidy = [], [], [], []
        business = runtime.business({})
        await add_site(business)
        sender = WebhookSender(session, Sealer(b"b" * 32), private=True)
        people = await _people(business, sender, url)
        for number in range(ROUNDS + 1):
            took = await _ours(runtime, sender, people, number)
            tidied = await _tidy(business, runtime)
            plain = await _bare(session, url, people)
            least = await _bare(session, url, people, runtime)
            if number:
                ours.append(took)
                tidy.append(tidied)
                bare.append(plain)
                floor.append(least)
    return {
        "rows": ROUND * ROUNDS,
        "per_s": round(ROUND / median(ours), 1),
        "bare_per_s": round(ROUND / median(bare), 1),
        "ratio_to_bare": round(median(bare) / median(ours), 3),
        "floor_per_s": round(ROUND / median(floor), 1),
        "ratio_to_floor": round(median(floor) / median(ours), 3),
        "tidied_per_s": round(ROUND / median(tidy), 1),
        "claim_few_ms": round(few_ms, 2),
        "claim_many_ms": round(many_ms, 2),
        "claim_first_ms": round(first_ms, 2),
        "claim_growth": round(many_ms / few_ms, 3),
    }


def _row(business: Business, person_id: str, number: int) -> Notice:
    now = business.clock.now()
    return Notice(
        id=f"restored:acc:{number}:{person_id}",
        kind=NoticeKind.RESTORED,
        person_id=person_id,
        account_id="acc",
        at=now,
        params={
            "label": "101",
            "time_zone": "Asia/Shanghai",
            "site_id": SITE_ID,
            "balance_micro": 12_340_000,
            "at": now.isoformat(),
        },
    )


async def _people(business: Business, sender: WebhookSender, url: str) -> Sequence[Person]:
    people = []
    for number in range(PEOPLE):
        accepted = await sender.accept(f"{url}?p={number}")
        address = Address(channel="webhook", user=accepted.user)
        person = Person(id=f"p{number}", language="en", addresses=(address,))
        await business.store.people.save(person)
        people.append(person)
    return people


async def _ours(runtime: Runtime, sender: WebhookSender, people: Sequence[Person], turn: int) -> float:
    business = runtime.business({})
    now, first = business.clock.now(), turn * ROUND
    await _insert(runtime, [(_row(business, people[n % PEOPLE].id, n), now) for n in range(first, first + ROUND)])
    began, delivered = time.perf_counter(), 0
    while delivered < ROUND:
        done = await deliver_notices(business, {"webhook": sender}, lanes=[Lane.PROMPT])
        if done == 0:
            raise InvariantBroken(f"only {delivered} of {ROUND} rows were delivered")
        delivered += done
    return time.perf_counter() - began


async def _tidy(business: Business, runtime: Runtime) -> float:
    """Until every row says of itself that it was delivered."""
    began, ends = time.perf_counter(), runtime.database.collection("notice_ends")
    while await ends.find_one({"lane": Lane.PROMPT}) is not None:
        await business.store.notices.tidy(Lane.PROMPT)
    took = time.perf_counter() - began
    left = {"state": NoticeState.QUEUED, "lane": Lane.PROMPT}
    if await runtime.database.collection("notices").find_one(left) is not None:
        raise InvariantBroken("a row that was delivered does not say so")
    return took


async def _bare(
    session: aiohttp.ClientSession, url: str, people: Sequence[Person], runtime: Runtime | None = None
) -> float:
    """With a runtime, the least that is written of rows goes beside it: a command for 200, while the next are sent."""
    bodies = [body_of(_bare_row(n), people[n % PEOPLE]) for n in range(ROUND)]
    headers = {"Content-Type": "application/json", "X-Chatwatt-Signature": "v1=" + "0" * 64}
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(body: bytes) -> None:
        async with gate:
            await post(session, url, data=body, headers=headers)

    async def write(first: int) -> None:
        if runtime is not None:
            ids = [f"restored:acc:{n}:p{n % PEOPLE}" for n in range(first, first + AT_ONCE)]
            change = {"$set": {"done_at": datetime.now(UTC)}}
            await runtime.database.collection("notices", durable=True).update_many({"_id": {"$in": ids}}, change)

    began = time.perf_counter()
    writes = []
    for first in range(0, ROUND, AT_ONCE):
        await asyncio.gather(*map(one, bodies[first : first + AT_ONCE]))
        writes.append(asyncio.ensure_future(write(first)))
    await asyncio.gather(*writes)
    return time.perf_counter() - began


def _bare_row(number: int) -> Notice:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    params: dict[str, str | int | bool | None] = {
        "label": "101",
        "time_zone": "Asia/Shanghai",
        "balance_micro": 12_340_000,
        "at": now.isoformat(),
    }
    return Notice(
        id=f"restored:acc:{number}:p", kind=NoticeKind.RESTORED, person_id="p", account_id="acc", at=now, params=params
    )


async def _claims(runtime: Runtime) -> tuple[float, float, float]:
    await _fill(runtime, 0, FEW)
    few = await _claim_ms(runtime.business({}))
    await _fill(runtime, FEW, MANY)
    fresh = store_over(runtime.database, runtime.clock)  # A process that has just begun.
    many = await _claim_ms(replace(runtime, store=fresh).business({}))
    return median(few[WARM:]), many[0], median(many[WARM:])


async def _claim_ms(business: Business) -> list[float]:
    took = []
    for _ in range(WARM + CLAIMS):
        now = business.clock.now()
        began = time.perf_counter()
        rows = await business.store.notices.take(now, now + timedelta(hours=1), 1)
        took.append(1000 * (time.perf_counter() - began))
        if len(rows) != 1:
            raise InvariantBroken("a claim took no row")
    return took


async def _fill(runtime: Runtime, first: int, count: int) -> None:
    """Straight into the collection, many at a time."""
    business = runtime.business({})
    before = business.clock.now() - timedelta(hours=1)
    for start in range(first, count, BULK):
        numbers = range(start, min(start + BULK, count))
        rows = [(_row(business, f"p{n}", n), before + timedelta(milliseconds=n)) for n in numbers]
        await _insert(runtime, rows)


async def _insert(runtime: Runtime, rows: Sequence[tuple[Notice, datetime]]) -> None:
    """Rows with the instant that each is due from."""
    documents = [
        {
            "_id": row.id,
            "kind": row.kind,
            "person_id": row.person_id,
            "account_id": row.account_id,
            "at": at,
            "params": dict(row.params),
            "state": "queued",
            "lane": "prompt",
            "attempts": 0,
            "next_at": at,
            "group": row.id.rpartition(":")[0],
        }
        for row, at in rows
    ]
    await runtime.database.collection("notices").insert_many(documents, ordered=False)


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench._hook", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None or process.stdin is None:
            raise InvariantBroken("the server has no pipes")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
