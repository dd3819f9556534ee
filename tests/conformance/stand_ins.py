"""What the conformance suite must know of each provider's sandbox: where it is, and how it is told to lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from payments.notifications import routes
from payments.providers import Provider, build
from prepaid.domain.orders import Order, new_order_id
from sandbox.alipay import SandboxAlipay
from sandbox.wechat_pay import SandboxWeChatPay
from tests.fakes.alipay_rig import fresh_alipay_dir
from tests.fakes.inbox import MemoryInbox, business_with
from tests.fakes.payment_rig import SteppedClock, fresh_keys_dir, serve

Lie = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """One provider's sandbox. All sandboxes share the faults of sending and answering; these differ in their words."""

    sandbox: Callable[..., Any]
    fresh: Callable[[Path], Path]
    """Puts keys without orders into a folder."""
    txn: str
    """Under which name a payment that was made shows its number."""
    amount: Lie
    merchant: Lie
    currency: Lie
    payer: str
    """An id that a payer may have there."""


STAND_INS: Mapping[str, StandIn] = {
    "alipay": StandIn(
        sandbox=SandboxAlipay,
        fresh=fresh_alipay_dir,
        txn="trade_no",
        amount={"wrong_total": "0.01"},
        merchant={"wrong_seller": "2088000000000009"},
        currency={"wrong_currency": "USD"},
        payer="2088000000000001",
    ),
    "wechat_pay": StandIn(
        sandbox=SandboxWeChatPay,
        fresh=fresh_keys_dir,
        txn="transaction_id",
        amount={"wrong_total": 1},
        merchant={"wrong_mchid": "1900000109"},
        currency={"wrong_currency": "USD"},
        payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    ),
}


@dataclass
class Chain:
    """Provider, sandbox and door, wired over real HTTP on loopback."""

    name: str
    stand_in: StandIn
    sandbox: Any
    provider: Provider
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
            provider=self.name,
            amount_fen=2000,
            created_at=now,
            expires_at=now + timedelta(hours=2),
            payer=self.stand_in.payer,
            payer_ip="203.0.113.7",
        )
        return replace(order, **changes)

    async def paid(self, **faults: Any) -> Order:
        """An order that is opened and paid, with the faults set in between."""
        order = self.order()
        uri = await self.provider.create(order, "3-201")
        self.sandbox.faults.replace(faults)
        return replace(order, txn_id=getattr(self.sandbox.pay(uri), self.stand_in.txn))

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Whatever somebody sends to the notification address."""
        async with self.client.post(self.notify_url, data=body, headers=headers) as response:
            return response.status


@asynccontextmanager
async def chain(name: str, folder: Path, *, timeout_s: float = 8.0) -> AsyncIterator[Chain]:
    """The whole chain of one provider, built as the program builds it: from its name and its settings."""
    stand_in, inbox, clock = STAND_INS[name], MemoryInbox(), SteppedClock()
    doors: list[Any] = []

    async def through(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await doors[0](request)
        return answer

    async with (
        serve([web.post("/notify/{provider}", through)]) as base,
        stand_in.sandbox(keys_dir=stand_in.fresh(folder), retry_scale=0.0001, clock=clock) as sandbox,
        aiohttp.ClientSession() as client,
    ):
        notify_url = f"{base}/notify/{name}"
        provider = build(name, sandbox.merchant_config(notify_url, timeout_s=timeout_s).model_dump(), clock)
        doors.append(routes(business_with(inbox), {name: provider})[0].handler)
        try:
            yield Chain(name, stand_in, sandbox, provider, inbox, notify_url, client, clock)
        finally:
            await provider.aclose()
