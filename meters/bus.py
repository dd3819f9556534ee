"""The one owner of a bus: all that is said on it goes through here, one transaction at a time, most urgent first.

Commands jump ahead of polls, dead meters get a small share and never starve their neighbours, an expired command is
never written, and no write is ever repeated here (S5). One connection is kept open; when it is lost it is opened again
from further and further away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from meters.jobs import Job, JobQueue, Priority
from meters.lines import BusSettings, spread
from meters.links.errors import ExceptionReply, LinkDown, NotSent
from meters.links.link import Link
from meters.links.requests import Request
from meters.polling import Polling, PollListener
from meters.profile import Profile
from meters.profiles import load_profile
from prepaid.domain.errors import Trouble, Unknown
from prepaid.domain.metering import Meter

log = structlog.get_logger()


class BusListener(PollListener, Protocol):
    """Told what happens on a bus, synchronously: it must not block."""

    def lost(self) -> None:
        """The gateway cannot be reached. Told once, until it is found."""

    def found(self) -> None:
        """A connection to the gateway is open."""


@dataclass(slots=True)
class BusCounts:
    """What this owner switched, and what it did not."""

    commands: int = 0
    expired: int = 0


class Bus:
    """One bus behind one gateway. `run` owns it until it is cancelled."""

    def __init__(
        self,
        gateway_id: str,
        connect: Callable[[], Awaitable[Link]],
        listener: BusListener,
        *,
        settings: BusSettings,
        may_send: Callable[[], bool],
        baud: int = 9600,
        profiles: Callable[[str], Profile] = load_profile,
    ) -> None:
        self.counts = BusCounts()
        self._gateway_id = gateway_id
        self._connect = connect
        self._listener = listener
        self._settings = settings
        self._may_send = may_send
        self.polling = Polling(gateway_id, listener, settings=settings, may_send=may_send, baud=baud, profiles=profiles)
        self._jobs = JobQueue()
        self._link: Link | None = None
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._scan_from = 0.0
        """Before this time a scan is asked only when nobody is due."""
        self._lost = False

    def set_meters(self, meters: Iterable[Meter], near_zero: Mapping[str, float] | None = None) -> None:
        """The meters that this bus has now. Those that were known keep their standing."""
        self.polling.set_meters(meters, near_zero)
        self._stirred.set()

    async def read(self, unit: int, request: Request, *, priority: Priority = Priority.ON_DEMAND) -> bytes:
        """One read. Raises `TryAgain` or `Refused`."""
        return await self._put(Job(priority=priority, unit=unit, request=request, done=self._loop.create_future()))

    async def switch(
        self,
        unit: int,
        write: Request,
        read_back: Request,
        *,
        settle_s: float,
        expires_at: float,
        last_look: Callable[[], Awaitable[bool]],
        priority: Priority = Priority.COMMAND,
    ) -> bytes:
        """Writes once and returns what the read-back says.

        Raises `NotSent` or `LinkDown` when nothing was written, `ExceptionReply` when the device refused, `Unknown`
        when it may have acted and could not be asked.
        """
        back = Job(priority=Priority.READ_BACK, unit=unit, request=read_back, done=self._loop.create_future())
        command = Job(
            priority=priority,
            unit=unit,
            request=write,
            done=self._loop.create_future(),
            expires_at=expires_at,
            last_look=last_look,
            then=back,
            settle_s=settle_s,
        )
        try:
            await self._put(command)
        except Unknown:
            # The device may have acted: the read-back below tells, and nothing is written again.
            log.info("write_unanswered", gateway=self._gateway_id, unit=unit)
        try:
            return await back.done
        except Trouble as trouble:
            raise Unknown("unknown.relay_state", unit=unit) from trouble

    async def run(self) -> None:
        """Owns the bus until cancelled."""
        try:
            while True:
                link = await self._reach()
                await self._work(link)
        finally:
            self._drop()

    async def _put(self, job: Job) -> bytes:
        if self._link is None:
            raise LinkDown
        self._jobs.put(job)
        self._stirred.set()
        return await job.done

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        self._jobs.fail_all(LinkDown)

    async def _reach(self) -> Link:
        """Connects, however often it takes."""
        delay_s = self._settings.reconnect_first_s
        while True:
            try:
                link = await self._connect()
            except LinkDown:
                self._tell_lost()
                await asyncio.sleep(spread(delay_s, self._settings.jitter))
                delay_s = min(delay_s * 2, self._settings.reconnect_most_s)
                continue
            link.on_closed = self._stirred.set
            self._link = link
            self._tell_found()
            return link

    def _tell_lost(self) -> None:
        if not self._lost:
            self._lost = True
            log.warning("gateway_lost", gateway=self._gateway_id)
            self._listener.lost()

    def _tell_found(self) -> None:
        if self._lost:
            self._lost = False
            log.info("gateway_found", gateway=self._gateway_id)
            self.polling.forgive()
        self._listener.found()

    async def _work(self, link: Link) -> None:
        """Serves the bus until the connection is gone."""
        opened_at = self._loop.time()
        while not link.closed.is_set():
            self._stirred.clear()
            if not await self._step(link):
                await self._pause(link)
        self._drop()
        if self._loop.time() - opened_at < self._settings.reconnect_first_s:
            # A gateway that takes connections and drops them at once is not hammered.
            await asyncio.sleep(spread(self._settings.reconnect_first_s, self._settings.jitter))

    async def _step(self, link: Link) -> bool:
        """Does the one most urgent thing; False when nothing can be done now."""
        if not self._may_send():
            return False
        now = self._loop.time()
        job = self._jobs.take(now, link.tainted, scans=now >= self._scan_from)
        if job is not None:
            await self._do(link, job)
            return True
        soonest = self._jobs.soonest(now, link.tainted, scans=False)
        if soonest is not None and soonest - now < self._settings.hold_s:
            return False
        if await self.polling.step(link):
            return True
        # Nobody is due, so that a scan need not wait for its share of a full bus.
        self._scan_from = min(self._scan_from, now)
        return self._jobs.soonest(now, link.tainted, scans=True) == now

    async def _pause(self, link: Link) -> None:
        """Waits until something is due or asked for, or a second has passed."""
        now = self._loop.time()
        times = [self.polling.next_at(now), self._jobs.soonest(now, link.tainted, scans=True)]
        left_s = min((at for at in times if at is not None), default=now + 1) - now
        try:
            # What is due but must wait (a tainted unit, a probe without credit) is looked at again soon.
            async with asyncio.timeout(min(1.0, left_s if left_s > 0 else 0.02)):
                await self._stirred.wait()
        except TimeoutError:
            return

    # Commands, read-backs and reads on demand.

    async def _do(self, link: Link, job: Job) -> None:
        started = self._loop.time()
        try:
            await self._asked(link, job)
        finally:
            if job.priority is Priority.SCAN:
                now = self._loop.time()
                self._scan_from = now + (now - started) * (1 / self._settings.scan_share - 1)

    async def _asked(self, link: Link, job: Job) -> None:
        try:
            await self._look(job)
            reply = await link.ask(
                job.unit, job.request, timeout_s=self._settings.reply_timeout_s, gate=lambda: self._gate(job)
            )
        except ExceptionReply as refused:
            self._refused(job, refused)
        except Unknown as unknown:
            self._left(job, unknown)
        except Trouble as trouble:
            job.fail(trouble)
        except BaseException:
            job.fail(LinkDown())
            raise
        else:
            self._well(job, reply)

    async def _look(self, job: Job) -> None:
        self._gate(job)
        if job.last_look is None:
            return
        try:
            async with asyncio.timeout(self._settings.last_look_s):
                wanted = await job.last_look()
        except TimeoutError as slow:
            raise NotSent("store_slow") from slow
        if not wanted:
            raise NotSent("no_longer_wanted")

    def _gate(self, job: Job) -> None:
        """The very last check, with no await between it and the write."""
        if job.expires_at is not None and self._loop.time() > job.expires_at:
            self.counts.expired += 1
            raise NotSent("expired")
        if not self._may_send():
            raise NotSent("not_owner")

    def _refused(self, job: Job, refused: ExceptionReply) -> None:
        if job.request.writes and refused.from_gateway:
            # The gateway heard nothing from the device; the device may have heard the write.
            self._left(job, Unknown("unknown.meter_write", unit=job.unit))
        else:
            job.fail(refused)

    def _left(self, job: Job, unknown: Unknown) -> None:
        self._jobs.follow(job, self._loop.time())
        if not job.done.done():
            job.done.set_exception(unknown)

    def _well(self, job: Job, reply: bytes) -> None:
        self.counts.commands += job.request.writes
        self._jobs.follow(job, self._loop.time())
        if not job.done.done():
            job.done.set_result(reply)
