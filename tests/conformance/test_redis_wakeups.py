"""Wake-ups cross processes through Redis, and losing Redis costs time and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from chatwatt.embedded.service import Service
from prepaid.ports import Waiter, Wakeups
from prepaid.storage.redis_connection import RedisClient, connect_redis
from prepaid.storage.wakeups import PENDING_MAX, LocalWakeups, RedisWakeups
from tests.fakes.faulty_proxy import FaultyProxy

SOON_S = 5.0
NEVER_S = 0.15


@pytest.fixture
async def redis(redis_server: Service) -> AsyncIterator[RedisClient]:
    async with connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis:
        yield redis


@pytest.fixture
async def here(redis: RedisClient) -> AsyncIterator[RedisWakeups]:
    """One process's wake-ups."""
    async with RedisWakeups(redis) as wakeups:
        yield wakeups


@pytest.fixture
async def there(redis_server: Service) -> AsyncIterator[RedisWakeups]:
    """Another process's wake-ups, over a connection of its own."""
    async with (
        connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis,
        RedisWakeups(redis) as wakeups,
    ):
        yield wakeups


async def _heard_in_time(wakeups: Wakeups, topic: str, waiter: Waiter) -> bool:
    """Wakes again and again, as a store's sweeper would, until the waiter hears it."""
    deadline_s = time.monotonic() + SOON_S
    while time.monotonic() < deadline_s:
        await wakeups.wake(topic)
        if await waiter.wait(0.1):
            return True
    return False


async def test_a_wake_up_crosses_processes(here: RedisWakeups, there: RedisWakeups) -> None:
    """A waiter in another process is woken for its topics and for no other."""
    async with there.waiter("inbox", "gateway:g1") as waiter, there.waiter("outbox") as other:
        await here.wake("gateway:g1")
        assert await waiter.wait(SOON_S)
        assert not await other.wait(NEVER_S)


async def test_many_wake_ups_are_one(here: RedisWakeups, there: RedisWakeups) -> None:
    """However often a topic was woken, a waiter is woken once; what comes later wakes it again."""
    async with there.waiter("inbox") as waiter, there.waiter("end") as end:
        for _ in range(500):
            await here.wake("inbox")
        await here.wake("end")
        assert await end.wait(SOON_S)
        assert await waiter.wait(SOON_S)
        assert not await waiter.wait(NEVER_S)
        await here.wake("inbox")
        assert await waiter.wait(SOON_S)


async def test_a_wake_up_before_the_wait_counts(here: RedisWakeups) -> None:
    """A waiter hears from when it is made, not from when it begins to wait."""
    async with here.waiter("inbox") as waiter:
        await here.wake("inbox")
        assert await waiter.wait(0)
        assert not await waiter.wait(0)


async def test_own_wake_ups_do_not_come_back(here: RedisWakeups, there: RedisWakeups) -> None:
    """A process wakes its own waiters once, directly, and not again when its message returns."""
    async with here.waiter("inbox") as own, there.waiter("inbox") as other:
        await here.wake("inbox")
        assert await own.wait(0)
        assert await other.wait(SOON_S)
        await there.wake("other")
        assert not await own.wait(NEVER_S)


async def test_one_subscription_serves_all_waiters(here: RedisWakeups, redis: RedisClient) -> None:
    """A thousand waiters cost one connection, and none of them is left behind."""
    async with asyncio.timeout(SOON_S):
        for number in range(1_000):
            async with here.waiter(f"gateway:{number}"):
                pass
    clients = await redis.client_list(_type="pubsub")
    assert len(clients) == 1
    assert not here._waiters


async def test_emptying_redis_changes_nothing(here: RedisWakeups, there: RedisWakeups, redis: RedisClient) -> None:
    """Y2: after FLUSHALL wake-ups go on."""
    await redis.flushall()
    async with there.waiter("inbox") as waiter:
        await here.wake("inbox")
        assert await waiter.wait(SOON_S)


async def test_a_killed_redis_costs_only_time(here: RedisWakeups, there: RedisWakeups, redis_server: Service) -> None:
    """Y2, F23: without Redis a process still wakes itself at once; when it is back, so do the others."""
    redis_server.kill()
    async with there.waiter("inbox") as far, here.waiter("inbox") as near:
        start_s = time.monotonic()
        await here.wake("inbox")
        assert await near.wait(0)
        assert time.monotonic() - start_s < 0.1
        assert not await far.wait(NEVER_S)
        await redis_server.start()
        assert await _heard_in_time(here, "inbox", far)
    assert here.outage.failures > 0


async def test_everyone_looks_when_the_subscription_is_back(there: RedisWakeups, redis_server: Service) -> None:
    """Y2: hints lost in an outage are made up for by waking everyone once after it."""
    async with there.waiter("inbox") as waiter:
        redis_server.kill()
        await redis_server.start()
        assert await waiter.wait(SOON_S)


async def test_a_process_starts_without_redis(redis_server: Service) -> None:
    """Y2: with Redis away from the beginning a process starts within two seconds and works alone."""
    redis_server.kill()
    async with connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis:
        start_s = time.monotonic()
        async with RedisWakeups(redis) as alone, alone.waiter("inbox") as waiter:
            assert time.monotonic() - start_s < 2.0
            await alone.wake("inbox")
            assert await waiter.wait(0)
            await redis_server.start()
            assert await waiter.wait(SOON_S)


async def test_a_stalled_redis_delays_nobody(
    redis_server: Service, there: RedisWakeups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F23: while Redis says nothing `wake` returns at once, and the silent subscription is given up and made anew."""
    monkeypatch.setattr("prepaid.storage.wakeups.SILENCE_S", 0.2)
    async with (
        FaultyProxy(redis_server.port) as proxy,
        connect_redis(f"redis://127.0.0.1:{proxy.port}") as redis,
        RedisWakeups(redis) as here,
        here.waiter("inbox") as waiter,
    ):
        await waiter.wait(0)
        proxy.black_hole()
        start_s = time.monotonic()
        for number in range(100):
            await here.wake(f"topic {number}")
        assert time.monotonic() - start_s < 0.5
        async with asyncio.timeout(SOON_S):
            while here._subscribed.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0)
        proxy.heal()
        assert await _heard_in_time(there, "inbox", waiter)


async def test_what_waits_for_redis_is_bounded(redis: RedisClient) -> None:
    """Y3: topics that cannot go out are dropped and counted beyond a bound."""
    stopped = RedisWakeups(redis)
    for number in range(PENDING_MAX + 5):
        await stopped.wake(f"topic {number}")
        await stopped.wake("topic 0")
    assert stopped.dropped == 5


async def test_a_single_process_needs_no_redis() -> None:
    """Wake-ups within a process work with nothing behind them."""
    local = LocalWakeups()
    async with local.waiter("inbox", "outbox") as waiter:
        await local.wake("outbox")
        assert await waiter.wait(0)
    await local.wake("outbox")
