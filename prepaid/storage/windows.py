"""Sliding windows that all processes share, in Redis: one call a decision, on the clock of the Redis server.

The same rules as `prepaid.domain.windows`, which a process falls back to while Redis is away. Whatever is kept here
ends by itself, and losing it costs a few messages too many in one moment, never truth (Y2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prepaid.domain.windows import Window
from prepaid.storage.redis_connection import LOST, PREFIX, Outage, RedisClient

_TAKE: Final = """
-- KEYS: the pause, then a list of stamps for each window. ARGV: an instant or '', then most, reserve, period of each.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local waits, free = {math.max(redis.call('PTTL', KEYS[1]), 0)}, true
if waits[1] > 0 then free = false end
for i = 2, #KEYS do
  local at = (i - 2) * 3 + 2
  local most, reserve, period = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local last = tonumber(redis.call('LINDEX', KEYS[i], -1) or 0)
  local wait = 0
  if last > now then
    -- The server's clock was set back: what was noted says nothing any more.
    redis.call('DEL', KEYS[i])
  else
    local stamp = redis.call('LINDEX', KEYS[i], reserve - most)
    if stamp then wait = math.max(0, tonumber(stamp) + period - now) end
  end
  if wait > 0 then free = false end
  waits[i] = wait
end
if free then
  for i = 2, #KEYS do
    local at = (i - 2) * 3 + 2
    redis.call('RPUSH', KEYS[i], string.format('%.0f', now))
    redis.call('LTRIM', KEYS[i], -tonumber(ARGV[at]), -1)
    redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[at + 2]))
  end
end
return waits
"""
_SPEND: Final = """
local spent = tonumber(redis.call('GET', KEYS[1]) or 0)
if spent >= tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisWindows:
    """Implements `prepaid.ports.SharedWindows` for one sender, such as one bot."""

    def __init__(self, redis: RedisClient, scope: str, *, prefix: str = PREFIX) -> None:
        self.outage = Outage("windows")
        self._redis = redis
        # One hash slot, should the keys ever be spread over several servers.
        self._prefix = f"{prefix}window:{{{scope}}}:"
        self._take = redis.register_script(_TAKE)
        self._spend = redis.register_script(_SPEND)

    async def take(self, windows: Sequence[Window], *, now_ms: int | None = None) -> list[int] | None:
        """The pause's wait, then that of each window, all zero when a place was taken in all. None: Redis is away.

        `now_ms` replaces the server's clock, for rehearsals.
        """
        keys = [f"{self._prefix}pause", *(f"{self._prefix}{window.key}" for window in windows)]
        figures = [figure for each in windows for figure in (each.most, each.reserve, each.period_ms)]
        try:
            answer = await self._take(keys=keys, args=["" if now_ms is None else now_ms, *figures])
        except LOST as error:
            self.outage.failed(error)
            return None
        self.outage.worked()
        return [int(wait) for wait in answer]

    async def pause(self, pause_ms: int) -> None:
        """Nobody takes a place for so long. A shorter pause does not end a longer one."""
        key = f"{self._prefix}pause"
        try:
            if not await self._redis.set(key, 1, px=pause_ms, nx=True):
                await self._redis.pexpire(key, pause_ms, gt=True)
        except LOST as error:
            self.outage.failed(error)

    async def spend(self, key: str, *, most: int, lasts_s: int) -> bool:
        """Spends one of `most` in what `key` names, such as a day; False when all are spent. Redis away: True."""
        try:
            return bool(await self._spend(keys=[f"{self._prefix}spent:{key}"], args=[most, lasts_s]))
        except LOST as error:
            self.outage.failed(error)
            return True
