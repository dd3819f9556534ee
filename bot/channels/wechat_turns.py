"""One turn for each message, however often WeChat brings it, and its answer on the way that is still open.

WeChat waits five seconds for the one passive reply and asks three times in all. A retry joins the turn under way; what
is ready after the last try, and what does not fit one message, goes out as customer-service messages. Another process
that is asked waits for the answer of the one that holds the turn, and takes the turn over when that one dies.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog

from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

ATTEMPTS = 3
REPLY_S = 4.5
HOLD_S = 6.0
"""A try that is not the last is held beyond WeChat's patience, so that it asks again rather than tells of trouble."""
GIVE_UP_S = 15.0
"""After this nobody asks any more: three tries of five seconds."""
KEPT_S = 900
"""How long an answer is remembered: beyond the age at which a signature is refused."""
LEASE_S = 6
RENEW_S = 2.0
LOOK_S = 0.25
MOST_TURNS = 2_000
MOST_MESSAGES = 6
"""The passive reply, and the five messages that a person's words allow."""
_log = structlog.get_logger()
_T = TypeVar("_T")


class Claims(Protocol):
    """Who of several processes does a thing now."""

    async def claim(self, key: str, *, ttl_s: int) -> bool: ...
    async def extend(self, key: str, *, ttl_s: int) -> None: ...
    async def release(self, key: str) -> None: ...


Work = Callable[[], Awaitable[Sequence[str]]]
Push = Callable[[Sequence[str]], Awaitable[None]]


class FullError(Exception):
    """No room for another turn now."""


@dataclass(slots=True)
class _Turn:
    answer: asyncio.Future[list[str]]
    fetched: asyncio.Event = field(default_factory=asyncio.Event)
    tries: int = 0


class Turns:
    """The turns of this process. `scope` keeps those of two accounts apart."""

    def __init__(self, sessions: Sessions, claims: Claims, scope: str) -> None:
        self._sessions = sessions
        self._claims = claims
        self._scope = scope
        self._turns: dict[str, _Turn] = {}
        self._recent: OrderedDict[str, list[str]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, key: str, work: Work, push: Push) -> str | None:
        """The passive reply to one try, or None when there is none to give now. Raises `FullError`."""
        known = await self._known(key)
        if known is not None:
            await self._fetched(key, known)
            return known[0] if known else None
        turn = self._turns.get(key) or self._start(key, work, push)
        loop = asyncio.get_running_loop()
        in_time = loop.time() + REPLY_S
        hold_s = REPLY_S if await self._tries(key, turn) >= ATTEMPTS else HOLD_S
        await asyncio.wait({turn.answer}, timeout=hold_s)
        if not turn.answer.done():
            return None
        messages = turn.answer.result()
        if loop.time() <= in_time:
            await self._fetched(key, messages)
        return messages[0] if messages else None

    async def close(self, *, within_s: float) -> None:
        """Lets turns finish, but not for longer than that."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, key: str, work: Work, push: Push) -> _Turn:
        if len(self._turns) >= MOST_TURNS:
            raise FullError
        loop = asyncio.get_running_loop()
        turn = self._turns[key] = _Turn(loop.create_future())
        task = loop.create_task(self._run(key, turn, work, push))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return turn

    async def _run(self, key: str, turn: _Turn, work: Work, push: Push) -> None:
        asked_until = asyncio.get_running_loop().time() + GIVE_UP_S
        ours = False
        try:
            ours, messages = await self._ours_or_answered(key, asked_until)
            if not ours or messages is not None:
                turn.answer.set_result(messages or [])
                return
            messages = list(await self._renewing(key, work()))[:MOST_MESSAGES]
            await self._keep(key, messages, fetched=False)
            turn.answer.set_result(messages)
            if messages:
                rest = await self._left_over(key, turn, messages, asked_until)
                # What is pushed whole is no reply to a try that comes late after all.
                await self._keep(key, messages if len(rest) < len(messages) else [], fetched=True)
                await push(rest)
        except Trouble as trouble:
            _log.warning("wechat_answer_lost", trouble=trouble.key)
        except Exception as error:  # noqa: BLE001 - the line between one message and the service; logged, and the next one works
            _log.error("wechat_turn_failed", kind=type(error).__name__)
        finally:
            if not turn.answer.done():
                turn.answer.set_result([])
            del self._turns[key]
            if ours:
                await self._claims.release(self._name(key))

    async def _ours_or_answered(self, key: str, until: float) -> tuple[bool, list[str] | None]:
        """Whether the turn is ours, and the answer if another process has given it."""
        while True:
            ours = await self._claims.claim(self._name(key), ttl_s=LEASE_S)
            # Looked at after the claim: whoever had it before may have answered and let it go in between.
            messages = await self._known(key)
            if ours or messages is not None or asyncio.get_running_loop().time() > until:
                return ours, messages
            await asyncio.sleep(LOOK_S)

    async def _renewing(self, key: str, work: Awaitable[_T]) -> _T:
        """Does the work while the claim is kept alive."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=RENEW_S)
                if done:
                    return task.result()
                await self._claims.extend(self._name(key), ttl_s=LEASE_S)
        finally:
            task.cancel()

    async def _left_over(self, key: str, turn: _Turn, messages: list[str], until: float) -> list[str]:
        """What no passive reply carries: all but the first, or everything when nobody came for the first."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                while not turn.fetched.is_set():
                    if await self._fetched_elsewhere(key):
                        break
                    await self._claims.extend(self._name(key), ttl_s=LEASE_S)
                    await _soon(turn.fetched, min(RENEW_S, max(0.0, until - loop.time())))
        except TimeoutError:
            return messages
        return messages[1:]

    async def _tries(self, key: str, turn: _Turn) -> int:
        """How often WeChat has asked, counted together with other processes. Tries are seconds apart."""
        turn.tries += 1
        name = f"{self._name(key)}:tries"
        try:
            before = (await self._sessions.load(name)).get("tries", 0)
            tries = max(turn.tries, (before if isinstance(before, int) else 0) + 1)
            await self._sessions.save(name, {"tries": tries}, ttl_s=KEPT_S)
        except Trouble:
            return turn.tries
        return tries

    async def _known(self, key: str) -> list[str] | None:
        """The answer that was given to this message before, by whichever process."""
        if key in self._recent:
            return self._recent[key]
        try:
            messages = (await self._sessions.load(self._name(key))).get("messages")
        except Trouble:
            return None
        if not isinstance(messages, list) or not all(isinstance(each, str) for each in messages):
            return None
        return messages

    async def _fetched_elsewhere(self, key: str) -> bool:
        try:
            return bool((await self._sessions.load(self._name(key))).get("fetched"))
        except Trouble:
            return False

    async def _fetched(self, key: str, messages: list[str]) -> None:
        """Tells whoever gave the answer, here or elsewhere, that its first message has gone out."""
        turn = self._turns.get(key)
        if turn is not None:
            turn.fetched.set()
        elif messages:
            await self._keep(key, messages, fetched=True)

    async def _keep(self, key: str, messages: list[str], *, fetched: bool) -> None:
        self._recent[key] = messages
        while len(self._recent) > MOST_TURNS:
            self._recent.popitem(last=False)
        try:
            await self._sessions.save(self._name(key), {"messages": messages, "fetched": fetched}, ttl_s=KEPT_S)
        except Trouble as trouble:
            _log.warning("wechat_answer_not_kept", trouble=trouble.key)

    def _name(self, key: str) -> str:
        return f"wechat:{self._scope}:turn:{key}"


async def _soon(event: asyncio.Event, within_s: float) -> None:
    """Waits for the event, for a while."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return
