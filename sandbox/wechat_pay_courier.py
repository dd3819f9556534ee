"""Brings the sandbox's notifications to the merchant as WeChat Pay does: again and again until it says yes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from prepaid.ports import Clock
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import SandboxOrder
from sandbox.wechat_pay_refunds import SandboxRefund
from sandbox.wechat_pay_seal import Seals

log = structlog.get_logger()

RETRIES_S = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
"""The official schedule after the first delivery: 24 h 4 min."""
ANSWER_S_MAX = 5.0
ANSWERS_KEPT = 1000
CLOSE_S_MAX = 5.0

About = SandboxOrder | SandboxRefund


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
    out_refund_no: str = ""
    """Where it was about a refund."""


class Courier:
    """One task for each payment and each refund that is still to be told."""

    def __init__(
        self,
        *,
        seals: Seals,
        save: Callable[[], None],
        faults: Faults,
        clock: Clock,
        retry_scale: float,
        answer_s_max: float,
    ) -> None:
        self._seals = seals
        self._save = save
        self._faults = faults
        self._clock = clock
        self._retry_scale = retry_scale
        self._timeout = aiohttp.ClientTimeout(total=answer_s_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._news = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self.answers: deque[MerchantAnswer] = deque(maxlen=ANSWERS_KEPT)

    def tell(self, about: About) -> None:
        """Starts telling the merchant that an order is paid, or that a refund has ended."""
        if not self._faults.no_notify:
            self.start(self._tell(about))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Something to be done in the background, until the sandbox ends."""
        if self._closing.is_set():
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_answers(self, count: int, *, timeout_s: float = 60.0) -> list[MerchantAnswer]:
        """The answers so far, once there are `count` of them. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: len(self.answers) >= count)
        return list(self.answers)

    async def aclose(self) -> None:
        """Stops telling; what is still to be told is told after the next start."""
        self._closing.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S_MAX)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tell(self, about: About) -> None:
        await self.rest(self._faults.notify_delay_s)
        for attempt, pause_s in enumerate((*RETRIES_S, 0), start=1):
            if await self._deliver(about, attempt):
                about.notified = True
                self._save()
                return
            await self.rest(pause_s * self._retry_scale)
        log.warning("notification_given_up", order=about.out_trade_no)

    async def rest(self, seconds: float) -> None:
        """Waits, but not past the end of the sandbox."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _deliver(self, about: About, attempt: int) -> bool:
        """All copies at once; True when any of them was taken."""
        faults = self._faults.content()
        copies = max(1, self._faults.copies)
        now_s = self._clock.now().timestamp()
        sealed = [self._seals.notification(about, faults, now_s) for _ in range(copies)]
        answers = await asyncio.gather(*(self._post(about, attempt, headers, body) for headers, body in sealed))
        async with self._news:
            self.answers.extend(answers)
            self._news.notify_all()
        return any(200 <= answer.status < 300 for answer in answers)

    async def _post(self, about: About, attempt: int, headers: dict[str, str], body: bytes) -> MerchantAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        status, text = 0, ""
        asked_at = time.monotonic()
        try:
            async with self._session.post(about.notify_url, data=body, headers=headers) as response:
                status, text = response.status, (await response.content.read(1024)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("notification_not_taken", order=about.out_trade_no, why=type(error).__name__)
        return MerchantAnswer(
            out_trade_no=about.out_trade_no,
            notification_id=about.notification_id,
            attempt=attempt,
            status=status,
            body=text,
            took_s=time.monotonic() - asked_at,
            out_refund_no=about.out_refund_no if isinstance(about, SandboxRefund) else "",
        )
