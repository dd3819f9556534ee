"""Twenty Alipay orders at once: how long the event loop is held up, beside Alipay's own SDK in the same run.

The gateway is the sandbox in a process of its own, so that only our side is measured. The SDK signs in threads, as its
makers advise; its signature is pure Python and holds the interpreter. `idle_ms` is the same measure with nothing to do:
what the machine itself adds. The `_cpu_ms` figures count this process's own work between two beats, so they do not
depend on what else the machine does.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives import serialization

from bench._frame import Limit
from chatwatt.clock import SystemClock
from payments.providers.alipay import Alipay
from payments.providers.alipay_config import AlipayConfig
from payments.providers.alipay_crypto import load_private_key, request_content, sign
from payments.providers.alipay_requests import precreate
from prepaid.domain.orders import Order, new_order_id
from sandbox.alipay import SandboxAlipay

AT_ONCE = 20
ROUNDS = 15
BEAT_S = 0.001
START_S_MAX = 30.0

LIMITS: Mapping[str, Limit] = {"stall_ms": Limit("<=", 10.0), "stall_cpu_ms": Limit("<=", 10.0)}


async def run() -> Mapping[str, int | float]:
    """Measures."""
    async with _gateway() as config:
        provider, clock = Alipay(config, SystemClock()), SystemClock()
        try:
            await provider.create(_order(clock), "warm-up")
            idle = [await _stall(_nothing) for _ in range(ROUNDS)]
            cpu_s = time.process_time()
            ours = [await _stall(lambda: _orders(provider, clock)) for _ in range(ROUNDS)]
            cpu_s = time.process_time() - cpu_s
            sdk = _sdk_client(config)
            theirs = [await _stall(lambda: _sdk_orders(sdk, config, clock)) for _ in range(ROUNDS)]
        finally:
            await provider.aclose()
        return {
            "orders_at_once": AT_ONCE,
            "rounds": ROUNDS,
            "stall_ms": round(statistics.median(each.wall_ms for each in ours), 2),
            "stall_cpu_ms": round(statistics.median(each.cpu_ms for each in ours), 2),
            "stall_worst_cpu_ms": round(max(each.cpu_ms for each in ours), 2),
            "idle_ms": round(statistics.median(each.wall_ms for each in idle), 2),
            "sdk_stall_ms": round(statistics.median(each.wall_ms for each in theirs), 2),
            "sdk_stall_cpu_ms": round(statistics.median(each.cpu_ms for each in theirs), 2),
            "sign_cpu_ms": round(_sign_cpu_ms(config, clock), 3),
            "sdk_sign_cpu_ms": round(_sdk_sign_cpu_ms(sdk, config, clock), 3),
            "order_cpu_ms": round(cpu_s * 1000 / AT_ONCE / ROUNDS, 3),
        }


@asynccontextmanager
async def _gateway() -> AsyncIterator[AlipayConfig]:
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox.alipay_process", "--data", folder), stdout=asyncio.subprocess.PIPE
        )
        try:
            if process.stdout is None:
                raise RuntimeError("the sandbox says nothing")
            async with asyncio.timeout(START_S_MAX):
                address = (await process.stdout.readline()).decode().strip()
            sandbox = SandboxAlipay(keys_dir=Path(folder))
            sandbox.base_url = address
            yield sandbox.merchant_config("http://127.0.0.1:9/notify/alipay")
        finally:
            process.terminate()
            await process.wait()


@dataclass(frozen=True, slots=True)
class Stall:
    """The longest pause between two beats: on the wall, and in work of this process."""

    wall_ms: float
    cpu_ms: float


async def _stall(work: Callable[[], Awaitable[object]]) -> Stall:
    """How late a task that wakes every millisecond was at worst while the work was done."""
    wall, cpu, over = 0.0, 0.0, asyncio.Event()

    async def beat() -> None:
        nonlocal wall, cpu
        while not over.is_set():
            asked, worked = time.perf_counter(), time.process_time()
            await asyncio.sleep(BEAT_S)
            wall = max(wall, time.perf_counter() - asked - BEAT_S)
            cpu = max(cpu, time.process_time() - worked)

    task = asyncio.create_task(beat())
    await asyncio.sleep(0)
    await work()
    over.set()
    await task
    return Stall(wall * 1000, cpu * 1000)


async def _nothing() -> None:
    await asyncio.sleep(0.2)


async def _orders(provider: Alipay, clock: SystemClock) -> None:
    await asyncio.gather(*(provider.create(_order(clock), "3-201") for _ in range(AT_ONCE)))


def _order(clock: SystemClock) -> Order:
    now = clock.now()
    return Order(
        id=new_order_id(now),
        account_id="a",
        site_id="s",
        person_id="p",
        provider="alipay",
        amount_fen=2_000,
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


def _sdk_client(config: AlipayConfig) -> Any:
    from alipay.aop.api.AlipayClientConfig import AlipayClientConfig  # noqa: PLC0415 - only where it is compared
    from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient  # noqa: PLC0415 - the same

    pem = load_private_key(config.app_private_key).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    told = AlipayClientConfig()
    told.app_id, told.server_url = config.app_id, config.gateway_url
    told.app_private_key = "".join(line for line in pem.decode().splitlines() if "-----" not in line)
    told.charset, told.sign_type = "utf-8", "RSA2"
    return DefaultAlipayClient(told)


def _sdk_request(config: AlipayConfig, clock: SystemClock) -> Any:
    from alipay.aop.api.domain.AlipayTradePrecreateModel import (  # noqa: PLC0415 - only where it is compared
        AlipayTradePrecreateModel,
    )
    from alipay.aop.api.request.AlipayTradePrecreateRequest import (  # noqa: PLC0415 - the same
        AlipayTradePrecreateRequest,
    )

    model = AlipayTradePrecreateModel()
    model.out_trade_no, model.total_amount, model.subject = new_order_id(clock.now()), "20.00", "3-201"
    request = AlipayTradePrecreateRequest(biz_model=model)
    request.notify_url = config.notify_url
    return request


async def _sdk_orders(client: Any, config: AlipayConfig, clock: SystemClock) -> None:
    """Only its signatures: its transport takes no gateway with a port."""
    requests = [_sdk_request(config, clock) for _ in range(AT_ONCE)]
    await asyncio.gather(*(asyncio.to_thread(client.sdk_execute, request) for request in requests))


def _sign_cpu_ms(config: AlipayConfig, clock: SystemClock) -> float:
    key = load_private_key(config.app_private_key)
    call = precreate(config, _order(clock), "3-201")
    return _each_cpu_ms(lambda: sign(key, request_content(call.parameters)), 200)


def _sdk_sign_cpu_ms(client: Any, config: AlipayConfig, clock: SystemClock) -> float:
    request = _sdk_request(config, clock)
    return _each_cpu_ms(lambda: client.sdk_execute(request), 20)


def _each_cpu_ms(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1000
