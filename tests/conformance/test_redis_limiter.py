"""The shared rate limit lets through what it says, for each key by itself, and yields as told when Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatwatt.embedded.service import Service
from prepaid.storage.limiter import Limit, RedisLimiter
from prepaid.storage.redis_connection import RedisClient, connect_redis

FIVE_A_MINUTE = Limit(count=5, period_s=60, burst=5)


@pytest.fixture
async def redis(redis_server: Service) -> AsyncIterator[RedisClient]:
    async with connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis:
        yield redis


@pytest.fixture
def limiter(redis: RedisClient) -> RedisLimiter:
    return RedisLimiter(redis)


async def test_a_burst_passes_exactly(limiter: RedisLimiter) -> None:
    """Y3: of forty, many at once, exactly the burst passes, and the others are told when to come again."""
    taken = []
    for _ in range(4):  # Forty new connections at once may take a busy machine longer than a limit waits for Redis.
        taken += await asyncio.gather(*(limiter.take("chat:1", FIVE_A_MINUTE, open_when_lost=True) for _ in range(10)))
    refused = [verdict for verdict in taken if not verdict.allowed]
    assert len(refused) == 35
    assert all(10_000 < verdict.retry_after_ms <= 12_000 for verdict in refused)


async def test_two_processes_share_a_bucket(limiter: RedisLimiter, redis_server: Service) -> None:
    """A limit holds over all processes together."""
    async with connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis:
        other = RedisLimiter(redis)
        taken = [await each.take("k", FIVE_A_MINUTE, open_when_lost=True) for each in (limiter, other) * 5]
    assert sum(verdict.allowed for verdict in taken) == 5


async def test_each_key_has_a_bucket(limiter: RedisLimiter) -> None:
    """One key's excess costs another nothing."""
    once = Limit(count=1, period_s=60, burst=1)
    assert (await limiter.take("a", once, open_when_lost=False)).allowed
    assert not (await limiter.take("a", once, open_when_lost=False)).allowed
    assert (await limiter.take("b", once, open_when_lost=False)).allowed


async def test_tokens_come_back_at_the_rate(limiter: RedisLimiter, redis: RedisClient) -> None:
    """When as much time has passed as the answer said, one more passes and only one."""
    fast = Limit(count=20, period_s=1, burst=2)
    answers = [await limiter.take("a", fast, open_when_lost=True) for _ in range(3)]
    assert [answer.allowed for answer in answers] == [True, True, False]
    assert 0 < answers[2].retry_after_ms <= 50
    # The server itself keeps the time: it holds a blocked client for that long.
    await redis.blpop(["nothing"], timeout=answers[2].retry_after_ms / 1000 + 0.01)
    assert (await limiter.take("a", fast, open_when_lost=True)).allowed


async def test_a_bucket_ends_by_itself(limiter: RedisLimiter, redis: RedisClient) -> None:
    """Y3: a key that is full again takes no room."""
    await limiter.take("a", FIVE_A_MINUTE, open_when_lost=True)
    (key,) = await redis.keys()
    assert 11_000 < await redis.pttl(key) <= 12_000


async def test_a_clock_set_back_locks_nobody_out(limiter: RedisLimiter, redis: RedisClient) -> None:
    """F33: a stamp far in the future, left by a wrong clock, counts as an empty bucket and no worse."""
    await limiter.take("a", FIVE_A_MINUTE, open_when_lost=True)
    (key,) = await redis.keys()
    await redis.set(key, str(9 * 10**15))
    verdict = await limiter.take("a", FIVE_A_MINUTE, open_when_lost=True)
    assert not verdict.allowed
    assert verdict.retry_after_ms <= 12_000


async def test_emptying_redis_refills(limiter: RedisLimiter, redis: RedisClient) -> None:
    """Y2: after FLUSHALL, and with the script forgotten, the limit begins anew."""
    for _ in range(6):
        await limiter.take("a", FIVE_A_MINUTE, open_when_lost=True)
    await redis.flushall()
    await redis.script_flush()
    assert (await limiter.take("a", FIVE_A_MINUTE, open_when_lost=False)).allowed


@pytest.mark.parametrize("open_when_lost", [True, False])
async def test_an_outage_decides_as_told(limiter: RedisLimiter, redis_server: Service, *, open_when_lost: bool) -> None:
    """Y2, Y3: without Redis a read passes and a guess at a code does not, as the caller said."""
    redis_server.kill()
    verdict = await limiter.take("a", FIVE_A_MINUTE, open_when_lost=open_when_lost)
    assert verdict.allowed is open_when_lost
    assert (verdict.retry_after_ms > 0) is not open_when_lost
    await redis_server.start()
    assert (await limiter.take("a", FIVE_A_MINUTE, open_when_lost=False)).allowed


@pytest.mark.parametrize("figures", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_limit_of_nothing_is_a_mistake(figures: tuple[int, int, int]) -> None:
    """A limit with a zero in it would divide by it or stop everybody."""
    count, period_s, burst = figures
    with pytest.raises(ValueError, match="at least one"):
        Limit(count=count, period_s=period_s, burst=burst)
