"""A hundred thousand low-balance pushes below Telegram's limits, in virtual time, while people get their replies.

All hundred thousand go through the pace and the paced send of the real screens, with the shared windows in memory.
A smaller number goes through everything that a process has before the network (the notice's words, the renderer, the
screens, the pace), from two processes at once. The windows in Redis are held to the same answers in
tests/conformance/test_redis_windows.py, and pushes from the store over Redis and HTTP to a Telegram that counts are in
tests/contract/test_telegram_pushes.py.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import cast

import pytest

from bot.channels.telegram_bot import QuietBot
from bot.channels.telegram_pace import TelegramPace
from bot.channels.telegram_request import Flooded
from bot.channels.telegram_show import Screens
from bot.conversations.parts import Part, Text
from bot.delivery import NoticeSender
from prepaid.domain.errors import HeldBack
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.people import Address, Person
from tests.fakes.memory_windows import MemoryWindows
from tests.fakes.strict_telegram import JITTER_S, LATENCY_S, PER_S, StrictTelegram
from tests.fakes.virtual_time import pass_time, run_virtually

PUSHES, WORDED = 100_000, 2_000
BATCH = 100
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
Push = Callable[[int], Awaitable[bool]]


class Process:
    """What one process sends with: the notices' sender over the real screens."""

    def __init__(self, telegram: StrictTelegram, shared: MemoryWindows) -> None:
        self.telegram = telegram
        self.screens = Screens(cast("QuietBot", telegram), TelegramPace(shared))
        self.sender = NoticeSender(self)

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """As the channel does, without the thread of a payment, which a low balance does not have."""
        return await self.screens.show(user, parts, reference=reference, bulk=bulk)

    async def push_bare(self, number: int) -> bool:
        """A message of a hundred thousand; False when it was held back and comes again."""
        send = partial(self.telegram.send_message, str(number), "low")
        try:
            await self.screens._paced(str(number), send, bulk=True)
        except HeldBack:
            return False
        return True

    async def push(self, number: int) -> bool:
        """One row of the outbox; False when it was held back and comes again."""
        row = Notice(
            id=f"low:{number}",
            kind=NoticeKind.LOW_BALANCE,
            person_id=str(number),
            account_id=f"acc-{number}",
            at=NOW,
            params={"label": "101", "balance_micro": number, "level_micro": 20_000_000, "at": NOW.isoformat()},
        )
        address = Address(channel="telegram", user=str(number))
        person = Person(id=str(number), language="en", addresses=(address,))
        try:
            await self.sender.send(address, row, person, reference=None)
        except HeldBack:
            return False
        return True


async def stream(push: Push, numbers: Sequence[int]) -> int:
    """A few at a time, each the next when the last has gone; how many were held back."""
    waiting = iter(numbers)

    async def next_ones() -> int:
        held = 0
        for number in waiting:
            while not await push(number):
                held += 1
        return held

    return sum(await asyncio.gather(*(next_ones() for _ in range(3))))


async def rounds(push: Push, numbers: Sequence[int]) -> int:
    """Rounds of a hundred as the outbox takes them, a moment for the store between; how many were held back."""
    waiting, held = list(numbers), 0
    while waiting:
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        sent = await asyncio.gather(*map(push, batch))
        again = [number for number, gone in zip(batch, sent, strict=True) if not gone]
        waiting += again
        held += len(again)
        await pass_time(0.02)
    return held


async def replies(process: Process, until: asyncio.Future[list[int]]) -> list[float]:
    """People who ask meanwhile, now and then fifteen at once; how long each waited until the answer arrived."""
    rng, waits, number = random.Random(11), list[float](), 0
    loop = asyncio.get_running_loop()

    async def ask(user: str) -> None:
        began = loop.time()
        await process.screens.show(user, [Text(body="reply")], reference=None, bulk=False)
        waits.append(loop.time() + LATENCY_S + JITTER_S - began)

    async with asyncio.TaskGroup() as group:
        while not until.done():
            await pass_time(rng.expovariate(1 / 2.0))
            for _ in range(15 if rng.random() < 0.05 else 1):
                number += 1
                group.create_task(ask(f"9{number:07}"))
    return waits


@dataclass(kw_only=True)
class Rush:
    """What came of it."""

    telegram: StrictTelegram
    shared: MemoryWindows
    waits: list[float]
    held: int
    lasted_s: float

    def check(self, pushes: int) -> None:
        """None lost, none doubled, no 429, the limit used, replies in time."""
        pushed = Counter(chat for _, chat, text in self.telegram.taken if text != "reply")
        assert len(pushed) == pushed.total() == pushes
        assert self.telegram.refused == []
        assert len(self.telegram.taken) / (PER_S * self.lasted_s) >= 0.95
        assert sorted(self.waits)[int(len(self.waits) * 0.95)] < 1.0
        assert self.held < pushes / 50, "what is held back is the odd one"
        assert self.shared.asked < 4 * len(self.telegram.taken), "who waits does not ask all the time"


async def rush(processes: int, pushes: int, push: Callable[[Process, Sequence[int]], Awaitable[int]]) -> Rush:
    """Processes that share the windows empty the outbox while people ask."""
    telegram, shared, loop = StrictTelegram(), MemoryWindows(), asyncio.get_running_loop()
    houses = [Process(telegram, shared) for _ in range(processes)]
    began = loop.time()
    shares = [range(place, pushes, processes) for place in range(processes)]
    pushing = asyncio.gather(*(push(house, share) for house, share in zip(houses, shares, strict=True)))
    asking = asyncio.create_task(replies(houses[-1], pushing))
    held = sum(await pushing)
    lasted_s = loop.time() - began
    return Rush(telegram=telegram, shared=shared, waits=await asking, held=held, lasted_s=lasted_s)


def test_a_hundred_thousand_pushes_use_the_limit_and_delay_no_reply() -> None:
    """N1, Y3: none lost, none doubled, never a 429, 95 % of the limit used, replies within a second (p95)."""
    outcome = run_virtually(rush(1, PUSHES, lambda process, numbers: stream(process.push_bare, numbers)))
    outcome.check(PUSHES)
    assert len(outcome.waits) > 1_000


def test_two_processes_share_the_limit_and_take_turns() -> None:
    """N1, Y3: the same holds for notices from their words on, sent by two processes that share nothing but windows."""
    outcome = run_virtually(rush(2, WORDED, lambda process, numbers: rounds(process.push, numbers)))
    outcome.check(WORDED)


async def quarrel() -> tuple[StrictTelegram, list[object]]:
    """Somebody else uses up the bot's limit in the middle of a hundred pushes."""
    telegram = StrictTelegram()
    process = Process(telegram, MemoryWindows())
    pushing = asyncio.gather(*(process.push(number) for number in range(150)))
    for strange in range(40):
        await pass_time(0.02)
        with suppress(Flooded):  # Whoever it is has no pace.
            await telegram.send_message(f"8{strange}", "strange")
    return telegram, list(await pushing)


def test_a_429_loses_and_doubles_nothing() -> None:
    """N1: when Telegram does ask for silence, all are silent, and every push still arrives once."""
    telegram, gone = run_virtually(quarrel())
    assert telegram.refused
    pushed = Counter(chat for _, chat, text in telegram.taken if text != "strange")
    assert pushed.total() == sum(bool(each) for each in gone)
    assert max(pushed.values()) == 1
    assert sum(bool(each) for each in gone) > 100


@pytest.mark.parametrize(("bulk", "least"), [(True, 4), (False, 20)])
def test_a_group_gets_twenty_in_any_minute(bulk: bool, least: int) -> None:
    """Twenty in any minute reach a group, whatever its second; bulk leaves five of them to answers."""

    async def flood() -> StrictTelegram:
        telegram = StrictTelegram()
        process = Process(telegram, MemoryWindows())
        shown = [process.screens.show("-7", [Text(body=str(n))], reference=None, bulk=bulk) for n in range(60)]
        await asyncio.gather(*shown, return_exceptions=True)
        return telegram

    telegram = run_virtually(flood())
    assert telegram.refused == []
    assert least <= len(telegram.taken) <= 20
