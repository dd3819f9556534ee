"""Turns in WeChat's own time: five seconds a try, three tries, and the way out after them. The clock is the loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bot.channels.wechat_turns import LEASE_S, Turns
from tests.contract.test_telegram_story import PlainSessions
from tests.fakes.wechat_rig import PlainClaims

PATIENCE_S = 5.0


@dataclass
class Desk:
    """A turn's work of a given length, and what was pushed."""

    takes_s: float
    messages: Sequence[str] = ("first",)
    worked: int = 0
    pushed: list[str] = field(default_factory=list)

    async def work(self) -> Sequence[str]:
        """The answer, after a while."""
        self.worked += 1
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=self.takes_s)
        return self.messages

    async def push(self, messages: Sequence[str]) -> None:
        """Customer-service messages."""
        self.pushed += messages


async def ask(turns: Sequence[Turns], desk: Desk) -> list[tuple[float, str | None]]:
    """WeChat: up to three tries, each to the next process; when each was answered and how."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers: list[tuple[float, str | None]] = []
    for place in range(3):
        handler = asyncio.ensure_future(turns[place % len(turns)].answer("k", desk.work, desk.push))
        done, _ = await asyncio.wait({handler}, timeout=PATIENCE_S)
        if done:
            answers.append((round(loop.time() - began, 2), handler.result()))
            break
        answers.append((round(loop.time() - began, 2), "no answer"))
    for each in turns:
        await each.close(within_s=60)
    return answers


@pytest.mark.looptime
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("takes_s", "tries", "replied", "pushed"),
    [
        (0.1, 1, "first", ["second"]),
        (7.0, 2, "first", ["second"]),
        (11.0, 3, "first", ["second"]),
        (16.0, 3, None, ["first", "second"]),
    ],
)
async def test_each_answer_takes_the_way_that_is_open(
    takes_s: float, tries: int, replied: str | None, pushed: list[str], processes: int
) -> None:
    """M15: one turn whatever the number of tries and processes; what is too late for all is pushed, nothing twice."""
    sessions, claims = PlainSessions(), PlainClaims()
    turns = [Turns(sessions, claims, "app") for _ in range(processes)]
    desk = Desk(takes_s, ("first", "second"))
    answers = await ask(turns, desk)
    assert (len(answers), answers[-1][1]) == (tries, replied)
    assert answers[-1][0] < 14.6
    assert desk.worked == 1
    assert desk.pushed == pushed
    assert claims.held == {}
    assert await turns[0].answer("k", desk.work, desk.push) == replied
    assert desk.worked == 1


@pytest.mark.looptime
async def test_a_turn_whose_process_died_is_taken_over() -> None:
    """Y1: the claim of a dead process ends by itself, and the next try is answered by a living one."""
    sessions, claims = PlainSessions(), PlainClaims()
    desk = Desk(0.1)
    turns = Turns(sessions, claims, "app")
    claims.held["wechat:app:turn:k"] = LEASE_S
    asyncio.get_running_loop().call_later(LEASE_S, claims.held.clear)
    answers = await ask([turns], desk)
    assert answers[-1][1] == "first"
    assert len(answers) == 2
    assert desk.worked == 1
