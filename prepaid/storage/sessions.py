"""Conversation state in Redis, so that any process can continue a chat. Losing it costs a question (Y2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import structlog

from prepaid.storage.redis_connection import LOST, PREFIX, Outage, RedisClient

SIZE_MAX_BYTES: Final = 16 * 1024

_log = structlog.get_logger()


class RedisSessions:
    """JSON values with an end. An outage loads nothing and drops what is saved, with one line in the log."""

    def __init__(self, redis: RedisClient, *, prefix: str = PREFIX) -> None:
        self.outage = Outage("sessions")
        self._redis = redis
        self._prefix = f"{prefix}session:"

    async def load(self, key: str) -> Mapping[str, object]:
        try:
            value = await self._redis.get(self._prefix + key)
        except LOST as error:
            self.outage.failed(error)
            return {}
        self.outage.worked()
        return _decoded(value)

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None:
        """Keeps `state` for `ttl_s` seconds; an empty or oversized one is forgotten, old and new."""
        value = json.dumps(dict(state), ensure_ascii=False, separators=(",", ":")).encode()
        if len(value) > SIZE_MAX_BYTES:
            # The step before would be a wrong answer; to begin anew is a safe one.
            _log.warning("session_too_big", size_bytes=len(value))
            state = {}
        try:
            if state:
                await self._redis.set(self._prefix + key, value, ex=ttl_s)
            else:
                await self._redis.delete(self._prefix + key)
        except LOST as error:
            self.outage.failed(error)
        else:
            self.outage.worked()


def _decoded(value: bytes | str | None) -> dict[str, object]:
    if value is None:
        return {}
    try:
        state = json.loads(value)
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}
