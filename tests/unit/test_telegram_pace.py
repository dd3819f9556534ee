"""The send limits of the Telegram channel: who waits, for how long, and what a pause does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bot.channels.telegram_pace import TelegramPace
from prepaid.domain.errors import HeldBack
from tests.fakes.memory_windows import MemoryWindows
from tests.fakes.virtual_time import run_virtually


async def _sent(pace: TelegramPace, chats: Sequence[str], *, bulk: bool, within_s: float) -> list[float]:
    """When messages left, in seconds from the start, of one waiting for each entry of `chats`."""
    loop = asyncio.get_running_loop()
    began, left = loop.time(), list[float]()

    async def one(chat: str) -> None:
        await pace.admit(chat, bulk=bulk)
        left.append(round(loop.time() - began, 3))

    tasks = [asyncio.create_task(one(chat)) for chat in chats]
    await asyncio.wait(tasks, timeout=within_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return left


@pytest.mark.parametrize(
    ("chats", "bulk", "within_s", "most"),
    [
        (["7"] * 40, False, 9.5, 12),  # three at once, then three in every three seconds
        (["7"] * 40, True, 7.5, 3),  # bulk never uses a chat's burst
        (["-7"] * 40, False, 59.0, 20),
        ([str(number) for number in range(400)], False, 3.5, 120),
        ([str(number) for number in range(400)], True, 3.5, 103),  # spread over the second, one place left to replies
    ],
)
def test_no_more_leaves_than_telegram_takes(chats: list[str], bulk: bool, within_s: float, most: int) -> None:
    """Y3: a chat, a group and the whole bot have their own limits, and each is used up to its last place but one."""
    pace = TelegramPace(max_wait_s=90, bulk_wait_s=90)
    left = run_virtually(_sent(pace, chats, bulk=bulk, within_s=within_s))
    assert most * 0.97 - 1 <= len(left) <= most


def test_a_full_chat_stops_nobody_else() -> None:
    """Y3: who waits for their own chat steps aside, so that others pass at the bot's rate."""
    chats = ["7"] * 9 + [str(number) for number in range(100, 150)]
    left = run_virtually(_sent(TelegramPace(), chats, bulk=False, within_s=1.9))
    assert len(left) == 53


def test_a_pause_counts_for_everybody_and_waiting_has_an_end() -> None:
    """Y3: after a 429 all are still; what would wait for too long is held back at once, bulk sooner than a reply."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        pace = TelegramPace()
        began = loop.time()
        await pace.pause(10)
        await pace.pause(1)
        with pytest.raises(HeldBack):
            await pace.admit("7", bulk=True)
        assert loop.time() == began
        await pace.admit("7", bulk=False)
        assert loop.time() - began == pytest.approx(10, abs=0.01)
        await pace.pause(60)
        with pytest.raises(HeldBack):
            await pace.admit("8", bulk=False)

    run_virtually(story())


def test_without_the_shared_windows_a_process_keeps_its_own() -> None:
    """Y2: while Redis is away the limits hold for the process; a pause is told to the others all the same."""
    away = MemoryWindows(away=True)
    pace = TelegramPace(away)
    left = run_virtually(_sent(pace, [str(number) for number in range(200)], bulk=False, within_s=1.5))
    assert len(left) == 60
    run_virtually(pace.pause(2.5))
    assert away.paused_until == 1_002_500
