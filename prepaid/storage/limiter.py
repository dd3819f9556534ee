"""Rate limits shared by all processes: a token bucket by the generic cell rate algorithm, one Redis call a decision.

The bucket is one number, the theoretical arrival time of the next request, kept on the clock of the Redis server so
that processes need not agree on theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prepaid.storage.redis_connection import LOST, PREFIX, Outage, RedisClient

_SCRIPT: Final = """
local every_us, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
-- The server's clock may have been set back: a bucket is never more than full.
arrival = math.min(math.max(arrival, now), now + every_us * burst) + every_us
local wait_us = arrival - every_us * burst - now
if wait_us > 0 then
  return math.ceil(wait_us / 1000)
end
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
return 0
"""
_LOST_RETRY_MS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`burst` at once, then `count` in every `period_s`."""

    count: int
    period_s: int
    burst: int

    def __post_init__(self) -> None:
        if min(self.count, self.period_s, self.burst) < 1:
            raise ValueError("a limit's figures are at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether to go on, and if not when to ask again."""

    allowed: bool
    retry_after_ms: int = 0


class RedisLimiter:
    """Decides request by request."""

    def __init__(self, redis: RedisClient, *, prefix: str = PREFIX) -> None:
        self.outage = Outage("limiter")
        self._prefix = f"{prefix}limit:"
        self._script = redis.register_script(_SCRIPT)

    async def take(self, key: str, limit: Limit, *, open_when_lost: bool) -> Verdict:
        """Takes a token of `key`. `open_when_lost` says whether the request passes while Redis is away."""
        every_us = limit.period_s * 1_000_000 // limit.count
        try:
            answer = await self._script(keys=[self._prefix + key], args=[every_us, limit.burst])
        except LOST as error:
            self.outage.failed(error)
            return Verdict(allowed=open_when_lost, retry_after_ms=0 if open_when_lost else _LOST_RETRY_MS)
        self.outage.worked()
        wait_ms = int(answer)
        return Verdict(allowed=wait_ms == 0, retry_after_ms=wait_ms)
