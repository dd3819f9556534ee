"""The connection to Redis or Valkey, every wait bounded. Nothing kept there is truth: losing it costs time (Y2)."""

from __future__ import annotations

from typing import Any, Final

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

RedisClient = Redis
"""Named here so that only the storage package has to know the library."""

LOST: Final = (RedisError, OSError)
"""All that can go wrong with Redis: gone, slow, full, read-only, or holding the wrong type. All are met alike."""

PREFIX: Final = "chatwatt:"
SOCKET_TIMEOUT_S: Final = 1.0
POOL_SIZE_MAX: Final = 32
_IDLE_CHECK_S: Final = 15

_log = structlog.get_logger()


def connect_redis(uri: str, *, pool_size_max: int = POOL_SIZE_MAX) -> RedisClient:
    """A client whose commands wait at most about three seconds: for a free connection, to connect, and for the answer.

    Nothing is sent before the first command. Close it with `aclose()`.
    """
    pool = BlockingConnectionPool.from_url(
        uri,
        max_connections=pool_size_max,
        timeout=SOCKET_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        # A pooled connection may have died since its last use; one fresh one is worth trying, a slow one is not.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        health_check_interval=_IDLE_CHECK_S,
        # The oldest protocol is spoken by every server, and nothing here needs more.
        protocol=2,
    )
    return Redis.from_pool(pool)


class Outage:
    """Logs the loss of Redis once, and its return once, for one user of it. `failures` counts each failed call."""

    def __init__(self, user: str) -> None:
        self.failures = 0
        self._user = user
        self._lost = False

    def failed(self, error: BaseException) -> None:
        """Counts a failed call."""
        self.failures += 1
        if not self._lost:
            self._lost = True
            _log.warning("redis_lost", user=self._user, error=type(error).__name__)

    def worked(self) -> None:
        """Ends an outage if there was one."""
        if self._lost:
            self._lost = False
            _log.info("redis_back", user=self._user, failures=self.failures)


async def ping_redis(redis: RedisClient) -> bool:
    """Whether Redis answers. For the health page."""
    try:
        answer: Any = redis.ping()
        return bool(await answer)
    except LOST:
        return False
