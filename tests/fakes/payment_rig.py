"""Product and sandbox of WeChat Pay wired over real HTTP on loopback, with an inbox in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web

from payments.notifications import routes
from payments.providers.wechat_pay import WeChatPay
from payments.providers.wechat_pay_config import KeyMode
from prepaid.domain.orders import Order, new_order_id
from prepaid.ports import Business, Clock
from sandbox.keys import WeChatPayKeys, wechat_pay_keys, write_private
from sandbox.wechat_pay import SandboxWeChatPay
from tests.fakes.inbox import MemoryInbox, business_with


class SteppedClock:
    """Real time, plus what a test adds."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return self.now().timestamp()


class LateReceiver:
    """Stands in the routes until the provider exists: it needs the port that the routes are served on."""

    def __init__(self) -> None:
        self.provider: WeChatPay | None = None

    def read_notification(self, headers: Any, raw: bytes) -> Any:
        assert self.provider is not None
        return self.provider.read_notification(headers, raw)


@dataclass
class Rig:
    """Everything a test talks to."""

    sandbox: SandboxWeChatPay
    provider: WeChatPay
    inbox: MemoryInbox
    notify_url: str
    client: aiohttp.ClientSession
    clock: SteppedClock

    def order(self, **changes: Any) -> Order:
        """A fresh order of 20.00 yuan."""
        now = self.clock.now()
        order = Order(
            id=new_order_id(now),
            account_id="a1",
            site_id="s1",
            person_id="p1",
            provider="wechat_pay",
            amount_fen=2000,
            created_at=now,
            expires_at=now + timedelta(hours=2),
        )
        return replace(order, **changes)


@cache
def _keys() -> WeChatPayKeys:
    with TemporaryDirectory() as directory:
        return wechat_pay_keys(Path(directory))


def fresh_keys_dir(directory: Path) -> Path:
    """A merchant without orders. Its keys are made once for each test process, since that takes a while."""
    write_private(directory / "wechat_pay_keys.json", json.dumps(asdict(_keys())))
    return directory


@asynccontextmanager
async def serve(route_defs: list[web.RouteDef]) -> AsyncIterator[str]:
    """Serves routes on a random loopback port; yields the base URL."""
    app = web.Application()
    app.add_routes(route_defs)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def payment_rig(
    keys_dir: Path,
    *,
    timeout_s: float = 8.0,
    business: Business | None = None,
    clock: Clock | None = None,
    key_mode: KeyMode | None = None,
    **limits: Any,
) -> AsyncIterator[Rig]:
    """The whole chain, with a real business if one is given; `limits` go to the notification door."""
    inbox, late, stepped = MemoryInbox(), LateReceiver(), SteppedClock()
    clock = clock or stepped
    door = routes(business or business_with(inbox), {"wechat_pay": late}, **limits)
    async with (
        serve(door) as base,
        SandboxWeChatPay(keys_dir=keys_dir, retry_scale=0.001, clock=clock, answer_s_max=60.0) as sandbox,
        aiohttp.ClientSession() as client,
    ):
        notify_url = f"{base}/notify/wechat_pay"
        provider = WeChatPay(sandbox.merchant_config(notify_url, timeout_s=timeout_s, key_mode=key_mode), clock)
        late.provider = provider
        try:
            yield Rig(sandbox, provider, inbox, notify_url, client, stepped)
        finally:
            await provider.aclose()
