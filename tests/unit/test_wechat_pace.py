"""The send limits of a WeChat account, in virtual time: its rate, a full minute, the templates of a day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bot.channels.wechat_pace import ALL_PER_S, FOR_PROMPT, TOO_MANY_CALLS, WeChatPace
from prepaid.domain.errors import HeldBack, TryAgain
from tests.fakes.clock import ManualClock
from tests.fakes.memory_windows import MemoryWindows
from tests.fakes.virtual_time import pass_time, run_virtually


class Account:
    """What WeChat's side hears; `trouble` is its next answer."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        self.trouble: list[TryAgain] = []

    async def take(self, user: str) -> None:
        """One call."""
        if self.trouble:
            raise self.trouble.pop()
        self.sent.append((asyncio.get_running_loop().time(), user))


async def _call(pace: WeChatPace, account: Account, user: str, *, bulk: bool) -> None:
    await pace.call(user, lambda: account.take(user), bulk=bulk)


async def _calls(pace: WeChatPace, account: Account, users: Sequence[str], *, bulk: bool) -> None:
    await asyncio.gather(*(_call(pace, account, user, bulk=bulk) for user in users), return_exceptions=True)


def test_replies_pass_bulk_and_no_second_holds_too_many() -> None:
    """Y3: two processes with one account keep its rate together, and replies do not wait behind bulk."""

    async def story() -> None:
        shared, account, clock, loop = MemoryWindows(), Account(), ManualClock(), asyncio.get_running_loop()
        paces = [WeChatPace(clock.now, shared) for _ in range(2)]
        many = [[f"{side}:{number}" for number in range(180)] for side in range(2)]
        pushing = asyncio.gather(*(_calls(p, account, us, bulk=True) for p, us in zip(paces, many, strict=True)))
        await pass_time(2.0)
        began = loop.time()
        await _calls(paces[0], account, [f"reply:{number}" for number in range(10)], bulk=False)
        assert loop.time() - began < 1.0
        await pushing
        times = sorted(at for at, _ in account.sent)
        assert len(times) == len({user for _, user in account.sent}) == 370
        assert all(later - first >= 1.0 for first, later in zip(times, times[ALL_PER_S:], strict=False))
        assert len(times) / (times[-1] - times[0]) > ALL_PER_S * 0.9

    run_virtually(story())


def test_a_full_minute_holds_everybody_back() -> None:
    """Y3: WeChat's word that a minute had too many calls stops all for a minute, and counts as nobody's failure."""

    async def story() -> None:
        shared, account, clock = MemoryWindows(), Account(), ManualClock()
        one, two = WeChatPace(clock.now, shared), WeChatPace(clock.now, shared)
        account.trouble = [TryAgain("try_again.channel", code=TOO_MANY_CALLS)]
        with pytest.raises(HeldBack):
            await _call(one, account, "a", bulk=True)
        for pace in (one, two):
            with pytest.raises(HeldBack):
                await _call(pace, account, "a", bulk=False)
        await pass_time(60)
        await _call(two, account, "a", bulk=False)
        account.trouble = [TryAgain("try_again.channel", code=-1)]
        with pytest.raises(TryAgain) as other:
            await _call(two, account, "b", bulk=False)
        assert not isinstance(other.value, HeldBack)
        assert [user for _, user in account.sent] == ["a"]

    run_virtually(story())


def test_the_days_templates_end_and_begin_again_in_beijing() -> None:
    """N2: bulk leaves templates to what somebody waits for; with none left another channel is tried, until midnight."""

    async def story() -> None:
        shared, account, clock = MemoryWindows(), Account(), ManualClock()
        pace = WeChatPace(clock.now, shared, templates_a_day=FOR_PROMPT + 2)

        async def template(number: int, *, bulk: bool) -> None:
            await pace.template(f"u{number}", lambda: account.take("x"), bulk=bulk)

        for number in range(2):
            await template(number, bulk=True)
        with pytest.raises(TryAgain) as used_up:
            await template(2, bulk=True)
        assert not isinstance(used_up.value, HeldBack)
        await template(3, bulk=False)
        clock.advance(hours=11, minutes=59)
        with pytest.raises(TryAgain):
            await template(4, bulk=True)
        clock.advance(minutes=1)
        await template(5, bulk=True)
        assert len(account.sent) == 4

    run_virtually(story())
