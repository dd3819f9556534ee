"""Conversation state lives in Redis for a while; losing it costs a question and never raises."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from chatwatt.embedded.service import Service
from prepaid.storage.redis_connection import RedisClient, connect_redis, ping_redis
from prepaid.storage.sessions import SIZE_MAX_BYTES, RedisSessions
from tests.fakes.faulty_proxy import FaultyProxy

STATE = {"step": "amount", "account_id": "a1", "choices": [1, 2], "文": "房间"}


@pytest.fixture
async def redis(redis_server: Service) -> AsyncIterator[RedisClient]:
    async with connect_redis(f"redis://127.0.0.1:{redis_server.port}") as redis:
        yield redis


@pytest.fixture
def sessions(redis: RedisClient) -> RedisSessions:
    return RedisSessions(redis)


async def test_a_state_comes_back_whole(sessions: RedisSessions) -> None:
    """What was saved is loaded, under its own key only, and another process finds it, too."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    assert await sessions.load("telegram:1") == STATE
    assert await sessions.load("telegram:2") == {}


async def test_a_state_ends(sessions: RedisSessions, redis: RedisClient) -> None:
    """A state lives for its seconds and no longer."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    (key,) = await redis.keys()
    assert 55_000 < await redis.pttl(key) <= 60_000
    await redis.pexpire(key, 0)
    assert await sessions.load("telegram:1") == {}


async def test_an_empty_state_is_forgotten(sessions: RedisSessions, redis: RedisClient) -> None:
    """A conversation that ended leaves nothing behind."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    await sessions.save("telegram:1", {}, ttl_s=60)
    assert await redis.keys() == []


async def test_an_oversized_state_is_forgotten(sessions: RedisSessions, redis: RedisClient) -> None:
    """Y3: a state beyond the limit is not kept, and neither is the step before it, which would be a wrong answer."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    await sessions.save("telegram:1", {"text": "x" * SIZE_MAX_BYTES}, ttl_s=60)
    assert await redis.keys() == []


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"[1]", b"null", b"{"])
async def test_a_spoilt_value_is_no_state(sessions: RedisSessions, redis: RedisClient, value: bytes) -> None:
    """F23: what is not one of our states loads as none."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    (key,) = await redis.keys()
    await redis.set(key, value)
    assert await sessions.load("telegram:1") == {}


async def test_a_wrong_type_is_no_state(sessions: RedisSessions, redis: RedisClient) -> None:
    """F23: a key of another type loads as no state and can be saved over."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    (key,) = await redis.keys()
    await redis.delete(key)
    await redis.rpush(key, "x")
    assert await sessions.load("telegram:1") == {}
    await sessions.save("telegram:1", STATE, ttl_s=60)
    assert await sessions.load("telegram:1") == STATE


async def test_emptying_redis_loses_the_thread_only(sessions: RedisSessions, redis: RedisClient) -> None:
    """Y2: after FLUSHALL there is no state, and saving goes on."""
    await sessions.save("telegram:1", STATE, ttl_s=60)
    await redis.flushall()
    assert await sessions.load("telegram:1") == {}
    await sessions.save("telegram:1", STATE, ttl_s=60)
    assert await sessions.load("telegram:1") == STATE


async def test_an_outage_is_one_line_in_the_log(sessions: RedisSessions, redis_server: Service) -> None:
    """Y2: while Redis is away nothing is loaded or kept; its loss and its return are one line each."""
    with capture_logs() as logs:
        redis_server.kill()
        for _ in range(3):
            await sessions.save("telegram:1", STATE, ttl_s=60)
            assert await sessions.load("telegram:1") == {}
        await redis_server.start()
        await sessions.save("telegram:1", STATE, ttl_s=60)
        assert await sessions.load("telegram:1") == STATE
    assert [line["event"] for line in logs] == ["redis_lost", "redis_back"]
    assert sessions.outage.failures == 6


async def test_a_silent_redis_delays_within_bounds(redis_server: Service) -> None:
    """F36: a Redis that takes bytes and answers nothing delays a load by at most about three seconds."""
    async with FaultyProxy(redis_server.port) as proxy, connect_redis(f"redis://127.0.0.1:{proxy.port}") as redis:
        sessions = RedisSessions(redis)
        await sessions.save("telegram:1", STATE, ttl_s=60)
        proxy.black_hole()
        start_s = time.monotonic()
        assert await sessions.load("telegram:1") == {}
        assert time.monotonic() - start_s < 4.0
        proxy.heal()
        assert await sessions.load("telegram:1") == STATE


async def test_a_ping_tells_the_truth(redis: RedisClient, redis_server: Service) -> None:
    """The health page says whether Redis answers."""
    assert await ping_redis(redis)
    redis_server.kill()
    assert not await ping_redis(redis)
