"""Pushes from the store, over the windows in Redis and HTTP, to a Telegram that counts, by two processes at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_pace import ALL_PER_S, TelegramPace
from bot.delivery import NoticeSender
from prepaid.domain.notices import Lane, Notice, NoticeKind
from prepaid.storage.driver import Database
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.windows import RedisWindows
from prepaid.usecases.deliver_notices import deliver_notices
from sandbox.telegram import TelegramSandbox
from tests.contract.test_telegram_story import PlainSessions, Script, channel_for, running
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

PUSHES = 75


async def _queue(building: Building, sandbox: TelegramSandbox) -> None:
    now = building.clock.now()
    params: dict[str, str | int | bool | None] = {
        "label": "101",
        "balance_micro": 4_000_000,
        "level_micro": 5_000_000,
        "at": now.isoformat(),
    }
    for number in range(1_000, 1_000 + PUSHES):
        sandbox.screen(number)
        person = await building.business.store.people.at("telegram", str(number), language="en")
        kind = NoticeKind.LOW_BALANCE
        row = Notice(id=f"n{number}", kind=kind, person_id=person.id, account_id="acc-1", at=now, params=params)
        assert await building.business.store.notices.queue(row)


async def test_pushes_from_the_store_arrive_once_below_the_limit(
    database: Database, clock: ManualClock, redis_url: str, redis_prefix: str
) -> None:
    """N1, Y3: of rows in the store, taken by two processes, each arrives once; a reply meanwhile is not kept back."""
    building = await build(database, clock)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(TelegramSandbox())
        redis = await stack.enter_async_context(connect_redis(redis_url))
        channels: list[TelegramChannel] = []
        for _ in range(2):
            pace = TelegramPace(RedisWindows(redis, "1", prefix=redis_prefix))
            channels.append(channel_for(sandbox, Script(), PlainSessions(), pace=pace))
        await stack.enter_async_context(running(channels[0]))
        await sandbox.wait_calls("getUpdates", 1)
        await channels[1]._bot.initialize()
        stack.push_async_callback(channels[1]._bot.shutdown)
        await _queue(building, sandbox)
        sandbox.most_per_s = ALL_PER_S
        senders = [{"telegram": NoticeSender(channel)} for channel in channels]
        rounds = [asyncio.create_task(_empty(building, each)) for each in senders]
        await sandbox.wait_calls("sendMessage", PUSHES // 2, timeout_s=30.0)
        await sandbox.user(7).say("hello")
        await sandbox.user(7).wait_message(lambda m: m.text == "heard hello")
        assert not all(task.done() for task in rounds), "the reply came before the last push"
        assert sum(await asyncio.gather(*rounds)) == PUSHES
        arrived = Counter(
            str(call.params["chat_id"]) for call in sandbox.calls if call.method == "sendMessage" and call.code == 200
        )
        assert {chat: arrived[chat] for chat in map(str, range(1_000, 1_000 + PUSHES))} == dict.fromkeys(
            map(str, range(1_000, 1_000 + PUSHES)), 1
        )


async def _empty(building: Building, senders: dict[str, NoticeSender]) -> int:
    """A process's outbox, until nothing is due."""
    total = 0
    while done := await deliver_notices(building.business, senders, lanes=[Lane.BULK]):
        total += done
    return total
