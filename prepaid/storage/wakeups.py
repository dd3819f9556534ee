"""Wake-ups: hints that there is work. Within a process they are direct; between processes Redis carries them.

Everyone who waits also looks by himself when his time is up, so a lost hint costs time and nothing else (Y2).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

from prepaid.storage.redis_connection import LOST, PREFIX, Outage, RedisClient

PENDING_MAX: Final = 10_000
SILENCE_S: Final = 5.0
_START_TIMEOUT_S: Final = 1.0
_BACK_OFF_FIRST_S: Final = 0.1
_BACK_OFF_MAX_S: Final = 3.0
_CANCEL_TRIES: Final = 10
_CANCEL_TIMEOUT_S: Final = 0.3


class EventWaiter:
    """Remembers one wake-up until somebody waits for it."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def set(self) -> None:
        """Wakes, now or at the next wait."""
        self._woken.set()

    async def wait(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class LocalWakeups:
    """Wake-ups within one process."""

    def __init__(self) -> None:
        self._waiters: defaultdict[str, set[EventWaiter]] = defaultdict(set)

    async def wake(self, topic: str) -> None:
        self._deliver(topic)

    @asynccontextmanager
    async def waiter(self, *topics: str) -> AsyncIterator[EventWaiter]:
        waiter = EventWaiter()
        for topic in topics:
            self._waiters[topic].add(waiter)
        try:
            yield waiter
        finally:
            for topic in topics:
                self._forget(topic, waiter)

    def _deliver(self, topic: str) -> None:
        for waiter in self._waiters.get(topic, ()):
            waiter.set()

    def _deliver_all(self) -> None:
        for topic in self._waiters:
            self._deliver(topic)

    def _forget(self, topic: str, waiter: EventWaiter) -> None:
        self._waiters[topic].discard(waiter)
        if not self._waiters[topic]:
            del self._waiters[topic]


class RedisWakeups(LocalWakeups):
    """Wake-ups within and between processes. Use it as a context manager; one subscription serves all waiters.

    `wake` never waits for Redis: topics go out from a bounded set, where one stands once however often it is woken.
    """

    def __init__(self, redis: RedisClient, *, prefix: str = PREFIX) -> None:
        super().__init__()
        self.outage = Outage("wakeups")
        self.dropped = 0
        self._redis = redis
        self._channel = f"{prefix}wake"
        self._own_mark = secrets.token_hex(8)
        self._pending: dict[str, None] = {}
        self._has_pending = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._publish())]
        # Without Redis the process starts all the same, and hears the others when it is back.
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._subscribed.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The library can swallow a cancellation that meets a timeout of its own, so one may not be enough.
        for _ in range(_CANCEL_TRIES):
            if pending := [task for task in self._tasks if not task.done()]:
                for task in pending:
                    task.cancel()
                await asyncio.wait(pending, timeout=_CANCEL_TIMEOUT_S)

    async def wake(self, topic: str) -> None:
        self._deliver(topic)
        if topic in self._pending or len(self._pending) < PENDING_MAX:
            self._pending[topic] = None
            self._has_pending.set()
        else:
            self.dropped += 1

    async def _publish(self) -> None:
        while True:
            await self._has_pending.wait()
            self._has_pending.clear()
            topics, self._pending = self._pending, {}
            try:
                await self._send(topics)
                self.outage.worked()
            except LOST as error:
                self.outage.failed(error)

    async def _send(self, topics: Iterable[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for topic in topics:
                pipe.publish(self._channel, f"{self._own_mark} {topic}")
            await pipe.execute()

    async def _listen(self) -> None:
        back_off_s = _BACK_OFF_FIRST_S
        while True:
            self._subscribed.clear()
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    await self._hear(pubsub)
            except LOST as error:
                self.outage.failed(error)
            back_off_s = _BACK_OFF_FIRST_S if self._subscribed.is_set() else min(back_off_s * 2, _BACK_OFF_MAX_S)
            await asyncio.sleep(back_off_s)

    async def _hear(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                # A half-open connection stays silent for ever, so one that leaves a question unanswered is given up.
                raise RedisConnectionError("the subscription has gone silent")
            else:
                asked = True
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self.outage.worked()
            self._subscribed.set()
            # Hints may have been lost before this moment, so everyone looks once.
            self._deliver_all()
        elif message["type"] == "message":
            mark, _, topic = bytes(message["data"]).decode(errors="replace").partition(" ")
            if mark != self._own_mark:
                self._deliver(topic)
