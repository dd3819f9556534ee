"""The API over a building: a real server on loopback, logins made in the store, and a client that speaks JSON."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from chatwatt.api import CatalogueWords, Sheets
from chatwatt.drawing import ChartDrawing, SheetTables
from chatwatt.importing.reader import SentLists
from chatwatt.web import application
from miniprogram_api import app, payment_page
from miniprogram_api.contract import ROOT
from miniprogram_api.overview.page import OverviewPage
from miniprogram_api.parts import Parts
from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.storage.driver import Database
from prepaid.storage.wakeups import LocalWakeups
from prepaid.usecases.log_in import Tokens, issue_login_code, log_in_by_code
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

KEY = b"k" * 32
BOT_TOKEN = "42:made-up"


@dataclass
class FakeLimiter:
    """Lets everything pass, or turns away what a test names."""

    wait_ms: dict[str, int] = field(default_factory=dict)
    started: asyncio.Semaphore | None = None
    """Counts the questions, for a test that wants to know how many have come in."""

    async def take(self, key: str, *, per_minute: int, burst: int) -> int:
        if self.started is not None:
            self.started.release()
        return next((wait for part, wait in self.wait_ms.items() if part in key), 0)


@dataclass
class FakeCodes:
    """Knows some codes of `wx.login`."""

    known: dict[str, str] = field(default_factory=dict)

    async def openid(self, code: str) -> str:
        if code not in self.known:
            raise Refused("refused.login_proof")
        return self.known.pop(code)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class ApiHouse:
    """A building, its API, and hands to call it with."""

    building: Building
    parts: Parts
    codes: FakeCodes
    limiter: FakeLimiter
    session: aiohttp.ClientSession
    url: str
    runner: web.AppRunner
    page: OverviewPage

    async def settled(self) -> None:
        """Waits until every request has been worked off, whoever asked."""
        await self.runner.cleanup()

    async def tokens(self, actor: Actor) -> Tokens:
        """A login of that person, by a code from chat."""
        code = await issue_login_code(self.parts.business, actor)
        return await log_in_by_code(self.parts.business, code, where=f"test:{code}")

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: object = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; `path` begins after the root of the API."""
        given = {"Accept-Language": "en", **(headers or {})}
        if token:
            given["Authorization"] = f"Bearer {token}"
        how: dict[str, Any] = {"data": io.BytesIO(raw)} if raw is not None else {} if body is None else {"json": body}
        async with self.session.request(method, f"{self.url}{ROOT}{path}", headers=given, **how) as answer:
            text = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answer(answer.status, answer.headers, await answer.json(content_type=None) if is_json else text)


@asynccontextmanager
async def api_house(database: Database, clock: ManualClock, **changes: Any) -> AsyncIterator[ApiHouse]:
    """Opens and closes."""
    building = await build(database, clock)
    business = {
        "wakeups": LocalWakeups(),
        "link_key": KEY,
        "api_key": KEY,
        "lists": SentLists(),
        **changes.pop("business", {}),
    }
    building.business = replace(building.business, **business)
    how = {name: changes.pop(name) for name in ("read_s_max", "pace", "streams", "public_url") if name in changes}
    codes, limiter = FakeCodes(), FakeLimiter()
    parts = Parts(
        business=building.business,
        words=CatalogueWords(),
        limiter=limiter,
        wechat=changes.pop("wechat", codes),
        telegram_token=BOT_TOKEN,
        templates={"low_balance": "tmpl-low-1234", "default": "tmpl-any-1234"},
        paper=Sheets(),
        public_url=how.get("public_url", "https://pay.example"),
        drawing=ChartDrawing(),
        tables=SheetTables(),
        **changes,
    )
    page = OverviewPage(parts, pace=how.get("pace"), streams=how.get("streams"))
    doors = app.routes(parts, **{k: v for k, v in how.items() if k == "read_s_max"})
    server = application([*doors, *payment_page.routes(parts), *page.routes()])
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=20.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            yield ApiHouse(building, parts, codes, limiter, session, url, runner, page)
    finally:
        parts.stopping.set()
        await runner.cleanup()
        await page.close()
        await parts.later.close()
