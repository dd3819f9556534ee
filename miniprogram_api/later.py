"""Answers that take longer than a program waits: 202 with the place to look at, and the work goes on meanwhile.

Work of a process that ends is told to be over; work of one that dies is told to be lost. Nothing is repeated by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.ports import Business
from prepaid.usecases.asked_work import AskedWork, finish_asked, keep_asked

log = structlog.get_logger()

SOON_S: Final = 3.0
WORK_S_MAX: Final = 45.0
"""Two questions of a bus that is busy."""
MOST: Final = 200
"""Pieces of work of one process; each holds a place of its bus, which are few."""
DONE: Final = 200
FAILED: Final = 422
_KINDS: Final[dict[str, type[Trouble]]] = {each.__name__: each for each in (Refused, TryAgain, Unknown)}
M = TypeVar("M", bound=BaseModel)


class Later:
    """The work of one process that somebody may look at. Close it when the server ends."""

    def __init__(self, *, soon_s: float = SOON_S, most: int = MOST) -> None:
        self._soon_s = soon_s
        self._most = most
        self._work: set[asyncio.Task[Any]] = set()
        self._keepers: set[asyncio.Task[None]] = set()

    async def soon(self, business: Business, actor: Actor, work: Coroutine[Any, Any, M]) -> M | AskedWork:
        """What the work gives or raises if it ends soon; else what to look for. Raises `TryAgain` beyond a bound."""
        if len(self._work) >= self._most:
            work.close()
            raise TryAgain("try_again.general")
        task = asyncio.create_task(_bounded(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        done, _ = await asyncio.wait({task}, timeout=self._soon_s)
        if done:
            return task.result()
        try:
            asked = await keep_asked(business, actor)
        except Trouble:
            # The work goes on, and there is no place to look at: nobody may say that nothing was done.
            self._keep(_unseen(task))
            raise Unknown("unknown.general") from None
        self._keep(_kept(business, asked, task))
        return asked

    def _keep(self, keeper: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(keeper)
        self._keepers.add(task)
        task.add_done_callback(self._keepers.discard)

    async def close(self, *, within_s: float = 0.0) -> None:
        """Gives the work so long to end; what is left then is told to be over."""
        if self._work and within_s > 0:
            await asyncio.wait(set(self._work), timeout=within_s)
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


def trouble_of(status: int, body: str) -> Trouble | None:
    """What went wrong with work that ended, None where nothing did."""
    if status == DONE:
        return None
    if not body:
        return Unknown("unknown.general")
    said = json.loads(body)
    return _KINDS[said["kind"]](said["key"], **said["params"])


async def _bounded(work: Coroutine[Any, Any, M]) -> M:
    try:
        async with asyncio.timeout(WORK_S_MAX):
            return await work
    except TimeoutError:
        raise Unknown("unknown.general") from None


async def _unseen(task: asyncio.Task[Any]) -> None:
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is not None:
        log.warning("asked_work_failed_unseen", kind=type(task.exception()).__name__)


async def _kept(business: Business, asked: AskedWork, task: asyncio.Task[BaseModel]) -> None:
    await asyncio.wait({task})
    try:
        status, body = _outcome(asked, task)
        await finish_asked(business, asked, status, body)
    except Trouble as trouble:
        # Nobody hears of it: the row's time runs out, and then it is told to be lost.
        log.warning("asked_work_not_kept", work=asked.id, key=trouble.key)


def _outcome(asked: AskedWork, task: asyncio.Task[BaseModel]) -> tuple[int, str]:
    if task.cancelled():
        return _failed(Unknown("unknown.general"))
    error = task.exception()
    if error is None:
        return DONE, task.result().model_dump_json()
    if isinstance(error, Trouble):
        return _failed(error)
    log.error("api_bug", request=asked.id, exc_info=error)
    return _failed(Refused("refused.our_mistake"))


def _failed(trouble: Trouble) -> tuple[int, str]:
    kind = next(name for name, each in _KINDS.items() if isinstance(trouble, each))
    params = {name: value for name, value in trouble.params.items() if isinstance(value, str | int)}
    return FAILED, json.dumps({"kind": kind, "key": trouble.key, "params": params}, ensure_ascii=False)
