"""The windows that processes share in Redis answer as those in memory do, hold over processes, and are never truth."""

from __future__ import annotations

import asyncio
import random

import pytest

from chatwatt.embedded.service import Service
from prepaid.domain.windows import SlidingWindows, Window
from prepaid.storage.redis_connection import RedisClient, connect_redis
from prepaid.storage.windows import RedisWindows

START_MS = 1_700_000_000_000
SETS = (
    (Window("chat:1", 3, 3_000, 2), Window("bulk", 3, 101), Window("all", 30, 1_010, 1)),
    (Window("chat:2", 3, 3_000, 2), Window("bulk", 3, 101), Window("all", 30, 1_010, 1)),
    (Window("chat:1", 3, 3_000), Window("all", 30, 1_010)),
    (Window("chat:-9", 20, 60_600), Window("all", 30, 1_010)),
    (Window("all", 30, 1_010),),
)


def _client(server: Service) -> RedisClient:
    return connect_redis(f"redis://127.0.0.1:{server.port}")


async def test_redis_and_memory_give_the_same_answers(redis_server: Service) -> None:
    """Y2: over a thousand random asks, with clocks set back, both grant and refuse alike, to the millisecond."""
    rng, memory, now_ms = random.Random(7), SlidingWindows(), START_MS
    granted = 0
    async with _client(redis_server) as redis:
        shared = RedisWindows(redis, "telegram:1")
        for _ in range(1_000):
            now_ms += rng.choice((0, 0, 1, 3, 10, 40, 200)) - (90_000 if rng.random() < 0.003 else 0)
            windows = rng.choice(SETS)
            expected = memory.take(windows, now_ms)
            assert await shared.take(windows, now_ms=now_ms) == [0, *expected]
            granted += not any(expected)
    assert 150 < granted < 850


async def test_processes_share_windows_and_pauses(redis_server: Service) -> None:
    """Y3: of what two processes take together no window holds more than it says, and both keep still in a pause."""
    window = (Window("all", 5, 60_000),)
    async with _client(redis_server) as one, _client(redis_server) as two:
        first, second = RedisWindows(one, "bot"), RedisWindows(two, "bot")
        answers = await asyncio.gather(*(each.take(window) for each in (first, second) * 10))
        assert answers.count([0, 0]) == 5
        await first.pause(60_000)
        await second.pause(1_000)
        waits = await second.take((Window("other", 5, 60_000),))
        assert waits is not None
        assert waits[0] > 50_000, "a shorter pause does not end a longer one"
        assert await RedisWindows(two, "another bot").take(window) == [0, 0]
        spent = [await each.spend("day", most=3, lasts_s=60) for each in (first, second) * 2]
        assert spent == [True, True, True, False]
        lasts_ms = [await one.pttl(key) for key in await one.keys()]
        assert min(lasts_ms) > 0, "everything that is kept ends by itself"


async def test_without_redis_a_process_goes_by_its_own(redis_server: Service) -> None:
    """Y2: an outage is told apart from a refusal, stops nothing, and is over when Redis is back."""
    window = (Window("all", 1, 60_000),)
    async with _client(redis_server) as redis:
        shared = RedisWindows(redis, "bot")
        redis_server.kill()
        assert await shared.take(window) is None
        assert await shared.spend("day", most=1, lasts_s=60)
        await shared.pause(1_000)
        await redis_server.start()
        assert await shared.take(window) == [0, 0]
        await redis.flushall()
        assert await shared.take(window) == [0, 0]


@pytest.mark.parametrize("figures", [(0, 1, 0), (1, 0, 0), (2, 1, 2), (2, 1, -1)])
def test_a_window_of_nothing_is_a_mistake(figures: tuple[int, int, int]) -> None:
    """A window that would let nobody through, or never end, is refused where it is made."""
    most, period_ms, reserve = figures
    with pytest.raises(ValueError, match="a window has places"):
        Window("key", most, period_ms, reserve)


def test_forgotten_windows_are_the_ones_that_say_nothing() -> None:
    """Y3: what one process keeps stays bounded, and a window that is full is not the one to go."""
    windows, full = SlidingWindows(most_keys=100), (Window("full", 1, 3_600_000),)
    windows.take(full, START_MS)
    for number in range(1_000):
        windows.take((Window(f"chat:{number}", 3, 3_000),), START_MS + number)
    assert len(windows) <= 100
    assert windows.take(full, START_MS + 2_000) == [3_598_000]
