"""Brings the Alipay sandbox's notifications to the merchant: again and again until it says exactly `success`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import structlog

from sandbox.alipay_faults import Faults

log = structlog.get_logger()

RETRIES_S = (240, 600, 600, 3600, 7200, 21600, 54000)
"""The official schedule after the first delivery: eight notifications within 25 h."""
ANSWER_S_MAX = 10.0
ANSWERS_KEPT = 1000
CLOSE_S_MAX = 5.0
YES = b"success"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One notification; its id is the same in every repeat."""

    notify_id: str
    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantAnswer:
    """What the merchant said to one delivery; status 0 when it said nothing."""

    out_trade_no: str
    notification_id: str
    attempt: int
    status: int
    body: str
    took_s: float = 0.0
    """How long we waited for it."""


class Courier:
    """One task for each letter that is still to be told."""

    def __init__(self, *, seal: Callable[[Letter, Faults], bytes], faults: Faults, retry_scale: float) -> None:
        self._seal = seal
        self._faults = faults
        self._retry_scale = retry_scale
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._news = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self.answers: deque[MerchantAnswer] = deque(maxlen=ANSWERS_KEPT)

    def tell(self, letter: Letter) -> None:
        """Starts telling the merchant."""
        if self._faults.no_notify or self._closing.is_set():
            return
        task = asyncio.create_task(self._tell(letter), name=f"notify {letter.notify_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_answers(self, count: int, *, timeout_s: float = 60.0) -> list[MerchantAnswer]:
        """The answers so far, once there are `count` of them. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: len(self.answers) >= count)
        return list(self.answers)

    async def aclose(self) -> None:
        """Stops telling."""
        self._closing.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S_MAX)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tell(self, letter: Letter) -> None:
        await self._rest(self._faults.notify_delay_s)
        for attempt, pause_s in enumerate((*RETRIES_S, 0), start=1):
            if await self._deliver(letter, attempt):
                return
            await self._rest(pause_s * self._retry_scale)
        log.warning("notification_given_up", order=letter.fields["out_trade_no"])

    async def _rest(self, seconds: float) -> None:
        """Waits, but not past the end of the sandbox."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _deliver(self, letter: Letter, attempt: int) -> bool:
        """All copies at once; True when any of them was taken."""
        faults = self._faults.content()
        bodies = [self._seal(letter, faults) for _ in range(max(1, self._faults.copies))]
        answers = await asyncio.gather(*(self._post(letter, attempt, body) for body in bodies))
        async with self._news:
            self.answers.extend(answers)
            self._news.notify_all()
        return any(answer.status == 200 and answer.body.encode() == YES for answer in answers)

    async def _post(self, letter: Letter, attempt: int, body: bytes) -> MerchantAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX))
        status, text = 0, ""
        asked_at = time.monotonic()
        try:
            async with self._session.post(letter.url, data=body, headers=HEADERS) as response:
                status, text = response.status, (await response.content.read(1024)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("notification_not_taken", order=letter.fields["out_trade_no"], why=type(error).__name__)
        return MerchantAnswer(
            out_trade_no=letter.fields["out_trade_no"],
            notification_id=letter.notify_id,
            attempt=attempt,
            status=status,
            body=text,
            took_s=time.monotonic() - asked_at,
        )
