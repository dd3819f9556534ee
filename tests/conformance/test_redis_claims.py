"""Claims in a real Redis: one holder at a time, with an end of their own, and granted to all while Redis is away."""

from __future__ import annotations

from prepaid.storage.claims import RedisClaims
from prepaid.storage.redis_connection import connect_redis


async def test_a_claim_has_one_holder_until_it_ends(redis_url: str, redis_prefix: str) -> None:
    """Y5: the second claim is refused until the first is let go, and nobody else's claim can be kept or let go."""
    redis = connect_redis(redis_url)
    one, other = RedisClaims(redis, prefix=redis_prefix), RedisClaims(redis, prefix=redis_prefix)
    assert await one.claim("k", ttl_s=30)
    assert not await other.claim("k", ttl_s=30)
    assert not await one.claim("k", ttl_s=30)
    await other.extend("k", ttl_s=900)
    await other.release("k")
    key = f"{redis_prefix}claim:k"
    assert 0 < await redis.pttl(key) <= 30_000
    await one.extend("k", ttl_s=60)
    assert await redis.pttl(key) > 30_000
    await one.release("k")
    assert await other.claim("k", ttl_s=30)
    await redis.aclose()


async def test_without_redis_each_process_works_for_itself() -> None:
    """Y2: a claim that cannot be asked for is granted, and the outage is counted."""
    redis = connect_redis("redis://127.0.0.1:1")
    claims = RedisClaims(redis)
    assert await claims.claim("k", ttl_s=5)
    await claims.extend("k", ttl_s=5)
    await claims.release("k")
    assert claims.outage.failures == 3
    await redis.aclose()
