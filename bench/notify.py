"""Signed payment notifications accepted per second: verified, stored and credited, beside the store's own rate.

Both in one run on the embedded store, turn and turn about, with as many at once. Ours is the door over HTTP and the
worker of the inbox, from the first byte sent (by another process) to the last order credited. What the people are told
is queued; that a chat delivers it is another job's.

The bare loop makes the ten writes that one credited payment needs by design, in their order, under the same concerns,
validators and indexes (one document is one commit: ADR 0001), with nothing received, verified, read or decided:

1. the notification into the inbox, journaled before the answer (M7);
2. the claim of the provider's transaction (M4);
3. "paid" into the outbox; 4. the order to paid (M8);
5. the entry of the ledger, which is the commit; 6. the account's cached row;
7. "credited" and 8. "your supply stays on" into the outbox;
9. the order to credited; 10. the inbox row done.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from multidict import CIMultiDict

from bench._bare_credit import Bare
from bench._estate import SITE_ID, Flat, add_flat, add_gateways, add_site, flats, scratch_runtime
from bench._frame import Limit, percentile
from chatwatt.web import serve
from chatwatt.wiring import Runtime
from payments.notifications import routes
from payments.providers.wechat_pay import WeChatPay
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.orders import Order, OrderState, new_order_id
from prepaid.ports import Business, Inbox
from sandbox.wechat_pay import SandboxWeChatPay
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import SandboxOrder
from scheduler.jobs import inbox
from scheduler.triggers import run_jobs

FLATS = 128
ROUND = 64
ROUNDS = 4
WARM_ROUNDS = 1
AT_ONCE = 50
"""Senders at once; the worker of the inbox takes as many in one go."""
PAID_FEN = 1_000
VERIFIED = 500
CALM_S = 5.0
END_S_MAX = 120.0

LIMITS: Mapping[str, Limit] = {"ratio_to_store": Limit(">=", 0.5), "p99_ms": Limit("<=", 1000.0)}

Message = tuple[dict[str, str], bytes]


@dataclass(slots=True)
class Took:
    """Payments, seconds of wall clock and of our own processor time."""

    payments: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """The rate."""
        return self.payments / self.wall_s


class CountedInbox:
    """The inbox of the store; it notes when a row is done."""

    def __init__(self, inner: Inbox) -> None:
        self._inner = inner
        self._left = 0
        self.empty = asyncio.Event()

    def expect(self, rows: int) -> None:
        """So many are on their way."""
        self._left = rows
        self.empty.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def worked(self, row_id: str) -> None:
        """Stores, then counts."""
        await self._inner.worked(row_id)
        self._left -= 1
        if self._left == 0:
            self.empty.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What a run works with."""

    business: Business
    provider: WeChatPay
    sandbox: SandboxWeChatPay
    inbox: CountedInbox
    folder: Path
    url: str
    sender: asyncio.subprocess.Process
    homes: Sequence[Flat]
    sent: list[Order] = field(default_factory=list)


async def run() -> Mapping[str, int | float]:
    """Measures."""
    async with scratch_runtime() as runtime, _rig(runtime) as rig:
        bare = await Bare.open(runtime.database, runtime.clock)
        ours_took, bare_took = Took(), Took()
        for number in range(WARM_ROUNDS + ROUNDS):
            counted = number >= WARM_ROUNDS
            await _ours(rig, ours_took if counted else Took())
            await _bare(rig, bare, bare_took if counted else Took())
        verify_per_s = await _verify_per_s(rig)
        calm_ms = await _calm(rig, ours_took.per_s / 2)
        await _check(rig)
    return {
        "payments": ours_took.payments,
        "per_s": round(ours_took.per_s, 1),
        "store_per_s": round(bare_took.per_s, 1),
        "ratio_to_store": round(ours_took.per_s / bare_took.per_s, 3),
        "own_cpu_ms": round(1000 * ours_took.cpu_s / ours_took.payments, 2),
        "store_loop_cpu_ms": round(1000 * bare_took.cpu_s / bare_took.payments, 2),
        "verify_per_s": round(verify_per_s),
        "p50_ms": round(percentile(calm_ms, 0.50), 1),
        "p99_ms": round(percentile(calm_ms, 0.99), 1),
    }


@asynccontextmanager
async def _rig(runtime: Runtime) -> AsyncIterator[Rig]:
    folder = runtime.settings.data
    sandbox = SandboxWeChatPay(keys_dir=folder / "sandbox")
    sandbox.base_url = "http://127.0.0.1:9"  # Nobody is asked: everything comes by notification.
    provider = WeChatPay(sandbox.merchant_config("http://127.0.0.1:9/notify/wechat_pay"), runtime.clock)
    counted = CountedInbox(runtime.store.inbox)
    runtime = replace(runtime, store=replace(runtime.store, inbox=counted))
    business = runtime.business({"wechat_pay": provider})
    homes = await _estate(business)
    stop = asyncio.Event()
    async with (
        serve(routes(business, {"wechat_pay": provider}), host="127.0.0.1", port=0) as port,
        _sender() as sender,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(run_jobs(business, [inbox.job(business)], stop))
        try:
            yield Rig(
                business=business,
                provider=provider,
                sandbox=sandbox,
                inbox=counted,
                folder=folder,
                url=f"http://127.0.0.1:{port}/notify/wechat_pay",
                sender=sender,
                homes=homes,
            )
        finally:
            stop.set()


async def _estate(business: Business) -> tuple[Flat, ...]:
    homes = flats(4, FLATS // 4)
    await add_site(business)
    await add_gateways(business, [1] * 4)
    for flat in homes:
        await add_flat(business, flat, balance_micro=1_000_000, on=True, poll_every_s=60)
    return homes


@asynccontextmanager
async def _sender() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench._sender",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _orders(rig: Rig, count: int, *, keep: bool = True) -> list[Order]:
    """So many orders that wait for their money, of one flat after the other."""
    now, orders = rig.business.clock.now(), []
    for number in range(count):
        flat = rig.homes[(len(rig.sent) + number) % len(rig.homes)]
        order = Order(
            id=new_order_id(now),
            account_id=flat.account_id,
            site_id=SITE_ID,
            person_id="person",
            provider="wechat_pay",
            amount_fen=PAID_FEN,
            created_at=now,
            expires_at=now + timedelta(hours=2),
            state=OrderState.PENDING,
            pay_uri="weixin://wxpay/bizpayurl?pr=12345678901",
        )
        if keep:
            await rig.business.store.orders.add(order)
        orders.append(order)
    return orders


def _messages(rig: Rig, orders: Sequence[Order]) -> list[Message]:
    """What the provider would send: each order paid, encrypted and signed."""
    return [_message(rig, order) for order in orders]


def _message(rig: Rig, order: Order) -> Message:
    merchant, now = rig.provider.merchant, rig.business.clock.now()
    instant = now.isoformat(timespec="seconds")
    paid = SandboxOrder(
        out_trade_no=order.id,
        mchid=merchant.merchant_id,
        appid=merchant.app_id,
        description=order.account_id,
        total=order.amount_fen,
        currency=order.currency,
        notify_url=rig.url,
        attach="",
        asked_expire="",
        expires_at=instant,
        transaction_id=f"42000{now:%Y%m%d%H%M%S}{secrets.randbelow(10**9):09d}",
        success_time=instant,
        notification_id=f"EV-{now:%Y%m%d%H%M%S}{secrets.token_hex(8)}",
    )
    headers, body = rig.sandbox._seals.notification(paid, Faults(), now.timestamp())  # noqa: SLF001
    return headers, body


async def _send(rig: Rig, messages: Sequence[Message], per_s: float | None = None) -> list[float]:
    """Milliseconds until each was answered with a yes, and all of them credited."""
    file = rig.folder / "messages"
    lines = [json.dumps([headers, base64.b64encode(body).decode()]) for headers, body in messages]
    await asyncio.to_thread(file.write_text, "\n".join(lines), "ascii")
    if rig.sender.stdin is None or rig.sender.stdout is None:
        raise InvariantBroken("the sender has no pipes")
    job = {"url": rig.url, "file": str(file), "at_once": AT_ONCE, "per_s": per_s}
    rig.inbox.expect(len(messages))
    rig.sender.stdin.write(json.dumps(job).encode() + b"\n")
    async with asyncio.timeout(END_S_MAX):
        answer = json.loads(await rig.sender.stdout.readline())
        await rig.inbox.empty.wait()
    if answer["yes"] != len(messages):
        raise InvariantBroken(f"only {answer['yes']} of {len(messages)} notifications were taken")
    took_ms: list[float] = answer["took_ms"]
    return took_ms


async def _ours(rig: Rig, took: Took) -> None:
    orders = await _orders(rig, ROUND)
    messages = _messages(rig, orders)
    began, cpu = time.perf_counter(), time.process_time()
    await _send(rig, messages)
    took.wall_s += time.perf_counter() - began
    took.cpu_s += time.process_time() - cpu
    took.payments += len(orders)
    rig.sent.extend(orders)


async def _bare(rig: Rig, bare: Bare, took: Took) -> None:
    orders = await _orders(rig, ROUND, keep=False)
    rows = [rig.provider.read_notification(headers, body) for headers, body in _messages(rig, orders)]
    paid = await bare.prepare(orders, rows)
    began, cpu = time.perf_counter(), time.process_time()
    await bare.credit(paid, AT_ONCE)
    took.wall_s += time.perf_counter() - began
    took.cpu_s += time.process_time() - cpu
    took.payments += len(orders)


async def _calm(rig: Rig, per_s: float) -> list[float]:
    """The answers' times at half of the rate."""
    orders = await _orders(rig, max(ROUND, int(per_s * CALM_S)))
    took_ms = await _send(rig, _messages(rig, orders), per_s)
    rig.sent.extend(orders)
    return took_ms


async def _verify_per_s(rig: Rig) -> float:
    """Verified, parsed and decrypted, and nothing else, on one core."""
    orders = [replace(order, id=new_order_id(order.created_at)) for order in rig.sent[:1] * VERIFIED]
    messages = [(CIMultiDict(headers), body) for headers, body in _messages(rig, orders)]
    began = time.process_time()
    for headers, body in messages:
        rig.provider.read_notification(headers, body)
    return VERIFIED / (time.process_time() - began)


async def _check(rig: Rig) -> None:
    """Every order that was notified is credited, or what was measured was nothing."""
    for order in rig.sent:
        fresh = await rig.business.store.orders.get(order.id)
        if fresh is None or fresh.state is not OrderState.CREDITED:
            raise InvariantBroken(f"order {order.id} is not credited")
