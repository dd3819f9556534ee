"""Clients that are slow, many or gone: others are answered, nothing is left, and a signal ends it all in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from chatwatt.house import until_signal
from chatwatt.web import SHUTDOWN_S, serve
from miniprogram_api import app
from miniprogram_api.contract import BODY_BYTES_MAX
from prepaid.storage.driver import Database
from prepaid.usecases.start_topup import start_topup
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock

HALF = (
    b"POST /api/v1/login/code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40\r\n"
)
MANY = 200


@asynccontextmanager
async def half_open(port: int, count: int, sent: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that have sent so much and say nothing more."""
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(sent)
            readers.append(reader)
        yield readers


async def status(session: aiohttp.ClientSession, url: str, token: str) -> int:
    """How a question is answered."""
    async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        await answer.read()
        return answer.status


async def test_slow_and_many_clients_hold_nobody_up(database: Database, clock: ManualClock) -> None:
    """Y3: two hundred clients that never finish a request, half of them in the body: others are answered meanwhile."""
    async with api_house(database, clock, read_s_max=0.5) as house:
        tenant = await house.building.flat(1, balance_micro=7_000_000)
        token = (await house.tokens(tenant)).access
        port = int(house.url.rpartition(":")[2])
        async with (
            half_open(port, MANY // 2, HALF),
            half_open(port, MANY // 2, HALF + b'\r\n{"code":') as in_body,
        ):
            url = f"{house.url}/api/v1/accounts/acc-1/balance"
            assert await asyncio.gather(*(status(house.session, url, token) for _ in range(20))) == [200] * 20
            lines = await asyncio.gather(*(reader.readline() for reader in in_body))
            assert {line.split()[1] for line in lines} == {b"408"}


async def test_a_large_body_is_a_problem_in_the_callers_language(house: ApiHouse) -> None:
    """Y3: 413 with problem details before all of it is taken in, announced or not; the next one is answered at once."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b" " * 1024

    announced = b" " * (BODY_BYTES_MAX + 1)
    for body, language, words in (
        (announced, "zh-CN", "请求内容过大。"),
        (announced, "en", "The request is too large."),
        (endless(), "zh-CN", "请求内容过大。"),
    ):
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        async with house.session.post(f"{house.url}/api/v1/login/code", data=body, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (413, "application/problem+json")
            said = await answer.json(content_type=None)
        assert (said["key"], said["detail"]) == ("refused.request_large", words)
        assert (await house.call("POST", "/login/code", body={"code": "NOBODYS1"})).status == 422
    assert BODY_BYTES_MAX < taken < 64 * 1024 * 1024


@pytest.mark.timeout(120)
async def test_a_signal_ends_the_server_when_its_questions_are_answered(database: Database, clock: ManualClock) -> None:
    """F2, Y3: at SIGTERM whoever waits for news is answered, what is half sent is dropped, and nobody new is let in."""
    async with until_signal() as stop, api_house(database, clock, stopping=stop) as house:
        tenant = await house.building.flat(1, balance_micro=7_000_000)
        token = (await house.tokens(tenant)).access
        order = await start_topup(house.parts.business, tenant, "acc-1", 7_000, provider="testpay")
        house.limiter.started = asyncio.Semaphore(0)
        async with serve(app.routes(house.parts), host="127.0.0.1", port=0) as port:
            url = f"http://127.0.0.1:{port}/api/v1/orders/{order.id}?seen=waiting&wait_s=25"
            held = [asyncio.create_task(status(house.session, url, token)) for _ in range(20)]
            async with half_open(port, 20, HALF):
                for _ in range(40):
                    await house.limiter.started.acquire()
                os.kill(os.getpid(), signal.SIGTERM)
                await stop.wait()
                began = asyncio.get_running_loop().time()
                assert await asyncio.gather(*held) == [200] * 20
        took_s = asyncio.get_running_loop().time() - began
        assert took_s < SHUTDOWN_S + 5
        with pytest.raises(aiohttp.ClientConnectorError):
            await status(house.session, url, token)
        await _nobody_waits(house)


async def _nobody_waits(house: ApiHouse) -> None:
    await house.settled()
    assert not house.parts.business.wakeups._waiters  # type: ignore[attr-defined]
