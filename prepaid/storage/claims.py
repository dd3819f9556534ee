"""Short claims in Redis: who of several processes does a thing now. A claim ends by itself when its holder dies.

While Redis is away every claim is granted: each process then works for itself, which costs work, never truth (Y2).
"""

from __future__ import annotations

import secrets
from typing import Final

from prepaid.storage.redis_connection import LOST, PREFIX, Outage, RedisClient

_EXTEND: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class RedisClaims:
    """The claims of one process. A claim is a hint to do a thing once, not a fence: effects guard themselves."""

    def __init__(self, redis: RedisClient, *, prefix: str = PREFIX) -> None:
        self.outage = Outage("claims")
        self._redis = redis
        self._prefix = f"{prefix}claim:"
        self._holder = secrets.token_hex(8)
        self._extend = redis.register_script(_EXTEND)
        self._release = redis.register_script(_RELEASE)

    async def claim(self, key: str, *, ttl_s: int) -> bool:
        """Whether nobody held it; it is ours for `ttl_s` seconds then."""
        try:
            granted = await self._redis.set(self._prefix + key, self._holder, nx=True, ex=ttl_s)
        except LOST as error:
            self.outage.failed(error)
            return True
        self.outage.worked()
        return bool(granted)

    async def extend(self, key: str, *, ttl_s: int) -> None:
        """Holds it for another `ttl_s` seconds, if it is still ours."""
        try:
            await self._extend(keys=[self._prefix + key], args=[self._holder, ttl_s * 1000])
        except LOST as error:
            self.outage.failed(error)

    async def release(self, key: str) -> None:
        """Lets it go, if it is still ours."""
        try:
            await self._release(keys=[self._prefix + key], args=[self._holder])
        except LOST as error:
            self.outage.failed(error)
