"""Notices delivered per second to a fast server, beside a bare client that makes the same calls; and the next claim.

Both in one run, the bare client before and after each of our turns, over the same connections and as many at once.
`ratio_to_bare` is the middle one of the turns: a machine whose pace changes has changed it for both. Ours is the whole
way: rows of the outbox claimed, the person and the site's rules read, quiet hours and ladder decided, words chosen,
the body signed and posted, the end noted for good. The bare client posts bodies that are made already. The server is a
process of its own.
`settled_per_s` counts also what follows when nothing is due: each row brought up to date with its end.

`claim_growth` is what claiming one row costs with 100,000 rows waiting, over what it costs with 100, each claim with a
lease of its own; `claim_first_ms` is the first of 100,000, by a process that has just begun.
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
from yarl import URL

from bench._estate import SITE_ID, add_site, scratch_runtime
from bench._frame import Limit
from bot.channels.webhook import WebhookSender, body_of
from bot.outgoing import Sealer, open_session, post
from chatwatt.wiring import Runtime
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.notices import Lane, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address, Person
from prepaid.ports import Business, Outcome
from prepaid.storage.mongo import store_over
from prepaid.usecases.deliver_notices import deliver_notices

PEOPLE = 200
ROUND = 2_000
ROUNDS = 7
AT_ONCE = 200
QUEUED_AT_ONCE = 20
FEW, MANY = 100, 100_000
CLAIMS = 20
BULK = 2_000

LIMITS: Mapping[str, Limit] = {"ratio_to_bare": Limit(">=", 0.5), "claim_growth": Limit("<=", 1.2)}


async def run() -> Mapping[str, int | float]:
    """Measures."""
    async with scratch_runtime() as runtime:
        few_ms, first_ms, many_ms = await _claims(runtime)
    async with scratch_runtime() as runtime, _server() as url, open_session(private=True) as session:
        ours, bare, settling = [], [], []
        business = runtime.business({})
        await add_site(business)
        sender = WebhookSender(session, Sealer(b"b" * 32), private=True)
        people = await _people(business, sender, url)
        for number in range(ROUNDS + 1):
            before = await _bare(session, url, people)
            took, settled = await _ours(business, sender, people, number)
            plain = (before + await _bare(session, url, people)) / 2
            if number:
                ours.append(took)
                settling.append(took + settled)
                bare.append(plain)
    return {
        "rows": ROUND * ROUNDS,
        "per_s": round(ROUND / median(ours), 1),
        "settled_per_s": round(ROUND / median(settling), 1),
        "bare_per_s": round(ROUND / median(bare), 1),
        "ratio_to_bare": round(median(plain / took for plain, took in zip(bare, ours, strict=True)), 3),
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


async def _ours(business: Business, sender: WebhookSender, people: Sequence[Person], turn: int) -> tuple[float, float]:
    for first in range(0, ROUND, QUEUED_AT_ONCE):
        numbers = range(first, first + QUEUED_AT_ONCE)
        rows = [_row(business, people[n % PEOPLE].id, turn * ROUND + n) for n in numbers]
        await asyncio.gather(*map(business.store.notices.queue, rows))
    began, delivered = time.perf_counter(), 0
    while delivered < ROUND:
        done = await deliver_notices(business, {"webhook": sender}, lanes=[Lane.PROMPT])
        if done == 0:
            raise InvariantBroken(f"only {delivered} of {ROUND} rows were delivered")
        delivered += done
    took = time.perf_counter() - began
    began = time.perf_counter()
    await deliver_notices(business, {"webhook": sender}, lanes=[Lane.PROMPT])  # Nothing is due: rows are settled.
    return took, time.perf_counter() - began


async def _bare(session: aiohttp.ClientSession, url: str, people: Sequence[Person]) -> float:
    """The same calls: addresses, bodies and headers as ours, all made before the clock starts."""
    urls = [URL(f"{url}?p={number}") for number in range(PEOPLE)]
    bodies = [body_of(_bare_row(n), people[n % PEOPLE]) for n in range(ROUND)]
    headers = {
        "Content-Type": "application/json",
        "X-Chatwatt-Id": "0" * 32,
        "X-Chatwatt-Timestamp": str(int(time.time())),
        "X-Chatwatt-Signature": "v1=" + "0" * 64,
    }
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await post(session, urls[number % PEOPLE], data=bodies[number], headers=headers)

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(ROUND)))
    return time.perf_counter() - began


def _bare_row(number: int) -> Notice:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    params: dict[str, str | int | bool | None] = {
        "label": "101",
        "time_zone": "Asia/Shanghai",
        "site_id": SITE_ID,
        "balance_micro": 12_340_000,
        "at": now.isoformat(),
    }
    return Notice(
        id=f"restored:acc:{number}:p", kind=NoticeKind.RESTORED, person_id="p", account_id="acc", at=now, params=params
    )


async def _claims(runtime: Runtime) -> tuple[float, float, float]:
    """Milliseconds to claim one row: the lane is leased and its rows are read with the first, then each is taken."""
    await _fill(runtime, 0, FEW)
    few = await _claim_ms(runtime.business({}))
    await _fill(runtime, FEW, MANY)
    fresh = store_over(runtime.database, runtime.clock)  # A process that has just begun.
    many = await _claim_ms(replace(runtime, store=fresh).business({}))
    return median(few), many[0], median(many)


async def _claim_ms(business: Business) -> list[float]:
    """Each with a lease of its own, so that nothing that a claim costs is hidden in another."""
    took = []
    for _ in range(CLAIMS):
        now = business.clock.now()
        began = time.perf_counter()
        held = await business.store.notices.hold(Lane.PROMPT, now, now + timedelta(hours=1))
        rows = await held.take(1) if held is not None else ()
        took.append(1000 * (time.perf_counter() - began))
        if held is None or len(rows) != 1:
            raise InvariantBroken("a claim took no row")
        end = Outcome(row=rows[0], state=NoticeState.DELIVERED, at=now)
        await held.finish([end])
        await held.release()
    return took


async def _fill(runtime: Runtime, first: int, count: int) -> None:
    """Straight into the collection, many at a time."""
    rows, business = runtime.database.collection("notices"), runtime.business({})
    before = business.clock.now() - timedelta(hours=1)
    for start in range(first, count, BULK):
        documents = []
        for number in range(start, min(start + BULK, count)):
            row = _row(business, f"p{number}", number)
            at = before + timedelta(milliseconds=number)
            documents.append(
                {
                    "_id": row.id,
                    "kind": row.kind,
                    "person_id": row.person_id,
                    "account_id": None,
                    "at": at,
                    "params": dict(row.params),
                    "state": "queued",
                    "lane": "prompt",
                    "attempts": 0,
                    "next_at": at,
                    "group": row.id,
                }
            )
        await rows.insert_many(documents, ordered=False)


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
