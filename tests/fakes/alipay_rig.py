"""Product and sandbox of Alipay wired over real HTTP on loopback, with an inbox in memory or a real business."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from payments.notifications import routes
from payments.providers.alipay import Alipay
from prepaid.domain.orders import Order, new_order_id
from prepaid.ports import Business, Clock
from sandbox.alipay import SandboxAlipay
from sandbox.alipay_keys import AlipayKeys, alipay_keys
from sandbox.keys import write_private
from tests.fakes.inbox import MemoryInbox, business_with
from tests.fakes.payment_rig import SteppedClock, serve

__all__ = ["AlipayRig", "alipay_rig", "fresh_alipay_dir"]


class LateAlipay:
    """Stands in the routes until the provider exists: it needs the port that the routes are served on."""

    acknowledgement = Alipay.acknowledgement

    def __init__(self) -> None:
        self.provider: Alipay | None = None

    def read_notification(self, headers: Any, raw: bytes) -> Any:
        assert self.provider is not None
        return self.provider.read_notification(headers, raw)


@dataclass
class AlipayRig:
    """Everything a test talks to."""

    sandbox: SandboxAlipay
    provider: Alipay
    inbox: MemoryInbox
    notify_url: str
    client: aiohttp.ClientSession
    clock: Any

    def order(self, **changes: Any) -> Order:
        """A fresh order of 20.00 yuan."""
        now = self.clock.now()
        order = Order(
            id=new_order_id(now),
            account_id="a1",
            site_id="s1",
            person_id="p1",
            provider="alipay",
            amount_fen=2000,
            created_at=now,
            expires_at=now + timedelta(hours=2),
        )
        return replace(order, **changes)


@cache
def _keys() -> AlipayKeys:
    with TemporaryDirectory() as directory:
        return alipay_keys(Path(directory))


def fresh_alipay_dir(directory: Path) -> Path:
    """A merchant without trades. Its keys are made once for each test process, since that takes a while."""
    write_private(directory / "alipay_keys.json", json.dumps(asdict(_keys())))
    return directory


@asynccontextmanager
async def alipay_rig(
    keys_dir: Path,
    *,
    timeout_s: float = 8.0,
    business: Business | None = None,
    clock: Clock | None = None,
    certified: bool = False,
) -> AsyncIterator[AlipayRig]:
    """The whole chain, with a real business if one is given."""
    inbox, late, clock = MemoryInbox(), LateAlipay(), clock or SteppedClock()
    door = routes(business or business_with(inbox), {"alipay": late})
    async with (
        serve(door) as base,
        SandboxAlipay(keys_dir=keys_dir, retry_scale=0.0001, clock=clock, certified=certified) as sandbox,
        aiohttp.ClientSession() as client,
    ):
        notify_url = f"{base}/notify/alipay"
        provider = Alipay(sandbox.merchant_config(notify_url, timeout_s=timeout_s), clock)
        late.provider = provider
        try:
            yield AlipayRig(sandbox, provider, inbox, notify_url, client, clock)
        finally:
            await provider.aclose()
