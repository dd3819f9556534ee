"""The overview page of 10,000 meters: own processor time to its first byte and for an update, memory for a browser.

The page is asked for by a process of its own, as a browser would, of a program that has not read anything yet. Then a
supply is cut again and again, and what it takes until every browser that listens has its figures is counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from bench._estate import SITE_ID, SITE_PATH, Flat, scratch_runtime
from bench._frame import Limit, percentile
from bench._large_estate import fill
from bench.api import NoLimit
from chatwatt.api import open_api
from chatwatt.wiring import Runtime
from miniprogram_api.overview.page import COOKIE, PATH, OverviewPage
from miniprogram_api.overview.watch import CLIENTS_OF_ONE, Pace
from prepaid.domain.access import Grant, Role
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.supply import Outcome, Reported, Wanted
from prepaid.ports import Business, topic_site
from prepaid.usecases.overview import overview
from prepaid.usecases.page_sessions import make_page_link, open_page

ROOT = Path(__file__).resolve().parents[1]
BUILDINGS, ROOMS = 50, 200
CLIENTS = 200
EVENTS = 20
LOOKS = 10
SETTLE_WITHIN_S = 120.0
READING = b'<meta http-equiv="refresh" content="2">'
PACE = Pace(look_s=600.0, rest_s=0.0, reread_s=3600.0)
"""Nothing but the change itself makes the watch look, so that what is counted is the change."""

LIMITS: Mapping[str, Limit] = {"first_byte_cpu_ms": Limit("<=", 150), "event_ms": Limit("<=", 5)}


@dataclass(slots=True)
class Meter:
    """Processor time of this process, from a request's arrival to the first byte of its answer."""

    since: float = 0.0
    ms: list[float] = field(default_factory=list)

    @web.middleware
    async def arrived(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A request has come."""
        self.since = self.since or time.process_time()
        return await handler(request)

    async def answering(self, _request: web.Request, answer: web.StreamResponse) -> None:
        """The head of the answer goes out. The page that only says that it is being read is not the page."""
        body = answer.body if isinstance(answer, web.Response) else None
        if isinstance(body, bytes) and READING not in body:
            self.ms.append((time.process_time() - self.since) * 1e3)
            self.since = 0.0


async def run() -> Mapping[str, int | float]:
    """Fills the estate, looks at it from cold, from warm, and from many browsers."""
    async with scratch_runtime() as runtime:
        business = replace(runtime.business({}), api_key=b"b" * 32)
        began = time.perf_counter()
        homes = await fill(runtime, business, BUILDINGS, ROOMS)
        seed_s = time.perf_counter() - began
        cookies = await _cookies(business)
        meter = Meter()
        async with _served(runtime, business, meter) as (url, page):
            began = time.perf_counter()
            await _ask(url, cookies[0], meter)
            wall_s = time.perf_counter() - began
            await _settled(page)
            bytes_ = [await _ask(url, cookies[0], meter) for _ in range(LOOKS)]
            streams = await _streams(url, page, business, cookies, homes)
        chat_s, chat_cpu_s = await _chat(business)
    return {
        "meters": len(homes),
        "seed_s": round(seed_s, 1),
        "first_byte_cpu_ms": round(meter.ms[0], 1),
        "first_byte_s": round(wall_s, 2),
        "again_cpu_ms": round(percentile(meter.ms[1:], 0.5), 1),
        "page_kb": round(max(bytes_) / 1024, 1),
        **streams,
        "chat_s": round(chat_s, 2),
        "chat_cpu_s": round(chat_cpu_s, 2),
    }


async def _cookies(business: Business) -> Sequence[str]:
    """Sessions of as many people as it takes for all browsers, all with one role."""
    found = []
    for number in range(-(-CLIENTS // CLIENTS_OF_ONE)):
        person = await business.store.people.at("bench", f"viewer-{number}", language="zh")
        await business.store.people.grant(person.id, Grant(Role.MANAGER, SITE_PATH))
        granted = await business.store.people.get(person.id)
        link = None if granted is None else await make_page_link(business, granted.actor())
        if link is None:
            raise InvariantBroken("the bench has no link")
        found.append((await open_page(business, link.token)).cookie)
    return found


@asynccontextmanager
async def _served(runtime: Runtime, business: Business, meter: Meter) -> AsyncIterator[tuple[str, OverviewPage]]:
    stop = asyncio.Event()
    async with open_api(runtime, business, stop) as parts:
        if parts is None:
            raise InvariantBroken("the page has no key")
        page = OverviewPage(replace(parts, limiter=NoLimit(runtime)), pace=PACE)
        server = web.Application(middlewares=[meter.arrived])
        server.on_response_prepare.append(meter.answering)
        server.add_routes(page.routes())
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", page
        finally:
            stop.set()  # Every stream hears it and ends by itself.
            await runner.cleanup()
            await page.close()


async def _ask(url: str, cookie: str, meter: Meter) -> int:
    """The page's size. Whoever is told to come again comes again at once."""
    before = len(meter.ms)
    async with ClientSession(headers={"Cookie": f"{COOKIE}={cookie}", "Accept-Language": "zh"}) as session:
        while True:
            async with session.get(f"{url}{PATH}") as answer:
                body = await answer.read()
            if answer.status != 200:
                raise InvariantBroken(f"the page answered {answer.status}")
            if len(meter.ms) > before:
                return len(body)


async def _settled(page: OverviewPage) -> None:
    """Until the slow part is known too."""
    (watch,) = page.hub.watches
    async with asyncio.timeout(SETTLE_WITHIN_S):
        await watch.settled.wait()


async def _streams(
    url: str, page: OverviewPage, business: Business, cookies: Sequence[str], homes: Sequence[Flat]
) -> Mapping[str, int | float]:
    """Updates for one browser and for many; memory in a round of its own, because watching it takes time."""
    async with _listeners(url, cookies[:1]) as one:
        ms, size = await _events(business, one, homes)
    await page.hub.empty.wait()  # A stream learns that its browser has gone when it writes to it next.
    everybody = [cookie for cookie in cookies for _ in range(CLIENTS_OF_ONE)][:CLIENTS]
    async with _listeners(url, everybody) as many:
        many_ms, _ = await _events(business, many, homes)
    await page.hub.empty.wait()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    async with _listeners(url, everybody):
        kb = (tracemalloc.get_traced_memory()[0] - before) / CLIENTS / 1024
    tracemalloc.stop()
    return {
        "event_ms": round(percentile(ms, 0.5), 2),
        "event_bytes": size,
        "clients": CLIENTS,
        "event_all_ms": round(percentile(many_ms, 0.5), 2),
        "kb_per_client": round(kb, 1),
    }


@asynccontextmanager
async def _listeners(url: str, cookies: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    where = urlsplit(url)
    named = [f"{COOKIE}={cookie}" for cookie in cookies]
    what = json.dumps({"host": where.hostname, "port": where.port, "path": f"{PATH}/events", "cookies": named})
    words = [sys.executable, "-m", "bench._streams", what]
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        await _line(child)
        yield child
    finally:
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()


async def _line(child: asyncio.subprocess.Process) -> str:
    if child.stdout is None:
        raise InvariantBroken("the browsers have no voice")
    async with asyncio.timeout(SETTLE_WITHIN_S):
        line = (await child.stdout.readline()).decode().strip()
    if not line:
        raise InvariantBroken("the browsers are gone")
    return line


async def _events(
    business: Business, child: asyncio.subprocess.Process, homes: Sequence[Flat]
) -> tuple[list[float], int]:
    """Processor time from the hint that something has changed until the last browser has it."""
    found, size = [], 0
    for number in range(EVENTS):
        supply = await business.store.supplies.get(homes[number].meter_id)
        if supply is None or child.stdin is None:
            raise InvariantBroken("the bench lacks something")
        old = supply.wanted
        now, meter_id = business.clock.now(), homes[number].meter_id
        new = Wanted(on=not old.on, generation=old.generation + 1, reason="rule.no_credit", at=now)
        await business.store.supplies.want(meter_id, old.generation, new)
        reported = Reported(on=new.on, at=now)
        await business.store.supplies.record(
            meter_id, new.generation, reported, Outcome.CONFIRMED, operated=True, day=f"{now:%Y%m%d}"
        )
        child.stdin.write(b"next\n")
        began = time.process_time()
        await business.wakeups.wake(topic_site(SITE_ID))
        size = int(await _line(child))
        found.append((time.process_time() - began) * 1e3)
    return found, size


async def _chat(business: Business) -> tuple[float, float]:
    """The same estate asked for in words: seconds on the wall, seconds of our own."""
    person = await business.store.people.at("bench", "viewer-0", language="zh")
    began, cpu = time.perf_counter(), time.process_time()
    found = await overview(business, person.actor())
    if sum(site.on for site in found.sites) == 0:
        raise InvariantBroken("nothing is on")
    return time.perf_counter() - began, time.process_time() - cpu
