"""Reads the meters of a bus in turn: accounts near zero first, the others as often as asked, dead ones now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from meters.lines import OFFLINE_AFTER, BusSettings, Line
from meters.links.errors import ExceptionReply, LinkDown, NotSent
from meters.links.link import Link
from meters.links.requests import Request
from meters.profile import Profile, Values
from meters.profiles import load_profile
from meters.timing import Pace
from prepaid.domain.errors import Trouble
from prepaid.domain.metering import Meter

log = structlog.get_logger()


class PollListener(Protocol):
    """Told what polling brings, synchronously: it must not block."""

    def polled(self, meter_id: str, values: Values) -> None:
        """A meter was read."""

    def silent(self, meter_id: str) -> None:
        """A meter did not answer, and not for the first time; or it is not the meter that should be there."""

    def swept(self) -> None:
        """Every meter that was due has had its turn."""


@dataclass(slots=True)
class PollCounts:
    """What polling did."""

    polls: int = 0
    probes: int = 0
    probes_s: float = 0.0
    failures: int = 0


class Polling:
    """The meters of one bus and whose turn it is."""

    def __init__(
        self,
        gateway_id: str,
        listener: PollListener,
        *,
        settings: BusSettings,
        may_send: Callable[[], bool],
        baud: int = 9600,
        profiles: Callable[[str], Profile] = load_profile,
    ) -> None:
        self.counts = PollCounts()
        self._gateway_id = gateway_id
        self._listener = listener
        self._settings = settings
        self._may_send = may_send
        self._baud = baud
        self._profiles = profiles
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, Line] = {}
        self._swept = True
        self._link: Link | None = None
        self._probe_credit_s = 0.0
        self._credited_at = self._loop.time()
        self._suspected_at = float("-inf")

    def set_meters(self, meters: Iterable[Meter], near_zero: Mapping[str, float] | None = None) -> None:
        """The meters that the bus has now. Those that were known keep their standing.

        `near_zero`: seconds between two polls of those whose account is nearly used up.
        """
        lines: dict[str, Line] = {}
        for meter in meters:
            line = self._lines.get(meter.id)
            if line is None or (line.unit, line.profile.name) != (meter.unit, meter.profile):
                line = self._line(meter)
            line.meter = meter
            lines[meter.id] = line
        self._lines = lines
        self._pace(near_zero or {})

    def trusts(self, meter_id: str) -> bool:
        """Whether the device at this address is the one that was bound and passed its checks when last read (S11)."""
        line = self._lines.get(meter_id)
        return line is not None and line.sure

    def forgive(self) -> None:
        """The gateway is back: every meter gets its turn at once."""
        for line in self._lines.values():
            line.forgive(self._loop.time())

    def next_at(self, now: float) -> float | None:
        """When the next meter is due; told to the listener when all have had their turn."""
        soonest = min((line.next_at for line in self._lines.values()), default=None)
        if not self._swept and not self._someone_healthy_due(now):
            self._swept = True
            self._listener.swept()
        return soonest

    async def step(self, link: Link) -> bool:
        """Reads whoever is due; False when nobody is."""
        if link is not self._link:
            self._link = link
            for known in self._lines.values():
                known.reconnected()
        now = self._loop.time()
        # What has waited for a whole interval more than it should goes first, or a full bus would never come to it.
        slow = self._slow_line(now - self._settings.slow_every_s, link)
        line = self._next_line(now, link) if slow is None else None
        if line is None:
            slow = slow or self._slow_line(now, link)
            if slow is None:
                return False
            await self._slow(link, slow)
        elif line.probed and not line.refuses:
            await self._probe(link, line)
        else:
            await self._poll(link, line)
        return True

    def _line(self, meter: Meter) -> Line:
        profile = self._profiles(meter.profile)
        pace = Pace(baud=self._baud, form=profile.serial.format, turnaround_s=profile.turnaround_ms / 1000)
        return Line(meter, profile, pace, due=self._loop.time())

    def _pace(self, near_zero: Mapping[str, float]) -> None:
        """However many accounts are near zero, their polls take no more than half of the bus."""
        hurried = [line for name, line in self._lines.items() if name in near_zero]
        half_s = 2 * sum(line.poll_s for line in hurried)
        for name, line in self._lines.items():
            usual_s = float(line.meter.poll_every_s)
            wanted_s = near_zero.get(name)
            if wanted_s is None:
                line.paced(usual_s, near_zero=False)
            else:
                line.paced(max(half_s, min(usual_s, wanted_s)), near_zero=True)

    def _someone_healthy_due(self, now: float) -> bool:
        return any(line.due <= now and not line.probed for line in self._lines.values())

    def _next_line(self, now: float, link: Link) -> Line | None:
        """An account near zero, or the healthy meter that has waited longest; a dead one from the share of the dead."""
        healthy: Line | None = None
        dead: Line | None = None
        for line in self._lines.values():
            if line.due > now or link.tainted(line.unit):
                continue
            if line.probed:
                if dead is None or line.due < dead.due:
                    dead = line
            elif healthy is None or (not line.near_zero, line.due) < (not healthy.near_zero, healthy.due):
                healthy = line
        # On an idle bus any credit will do. On a busy one a whole probe must have been saved up for, or the dead would
        # never be asked again; then it goes first.
        credit_s = self._probe_credit(now, busy=healthy is not None)
        if dead is None or credit_s <= 0:
            return healthy
        affordable = healthy is None or credit_s >= dead.timeout_s(self._settings, dead.probe)
        return dead if affordable else healthy

    def _slow_line(self, now: float, link: Link) -> Line | None:
        due = [
            line
            for line in self._lines.values()
            if line.profile.slow_reads and line.slow_due <= now and not line.failures and not link.tainted(line.unit)
        ]
        return min(due, key=lambda line: line.slow_due, default=None)

    def _probe_credit(self, now: float, *, busy: bool) -> float:
        settings = self._settings
        share = settings.busy_probe_share if busy else settings.probe_share
        earned_s = (now - self._credited_at) * share
        self._credited_at = now
        self._probe_credit_s = min(self._probe_credit_s + earned_s, settings.reply_timeout_s)
        return self._probe_credit_s

    async def _probe(self, link: Link, line: Line) -> None:
        """A short read, to learn whether a dead meter lives. Whatever it says, it lives if it says anything."""
        started = self._loop.time()
        try:
            await link.ask(line.unit, line.probe, timeout_s=line.timeout_s(self._settings, line.probe), gate=self._gate)
        except (LinkDown, NotSent):
            return
        except ExceptionReply as said:
            if said.from_gateway:
                self._failed(link, line)
            else:
                self._found(line)
        except Trouble:
            self._failed(link, line)
        else:
            self._found(line)
        finally:
            took_s = self._loop.time() - started
            self.counts.probes += 1
            self.counts.probes_s += took_s
            self._probe_credit_s -= took_s

    def _found(self, line: Line) -> None:
        now, alone = self._loop.time(), self._all_silent()
        self._tell_found(line)
        line.found(now)
        if alone:
            # One that is back is a sign that the wire is back.
            self._all_due(now)

    def _tell_found(self, line: Line) -> None:
        if line.offline:
            log.info("meter_found", gateway=self._gateway_id, meter=line.meter.id)

    async def _poll(self, link: Link, line: Line) -> None:
        """One read of a meter. A command that comes in meanwhile waits for this one transaction, not for the rest."""
        self._swept = False
        identity = line.profile.identity
        if identity is not None and not line.identified:
            reply = await self._ask(link, line, identity.request)
            if reply is not None:
                line.serial, line.identified = identity.serial_in(reply), True
                self._tell_device(line)
            return
        ask = line.asks[line.asked]
        reply = await self._ask(link, line, ask.request)
        if reply is None:
            return
        line.replies.update(ask.replies(reply))
        line.asked += 1
        if line.asked == len(line.asks):
            self._understand(line)

    async def _slow(self, link: Link, line: Line) -> None:
        """One read of what is wanted now and then only."""
        reads = line.profile.slow_reads
        reply = await self._ask(link, line, reads[len(line.slow_replies)].request)
        if reply is None:
            return
        line.slow_replies.append(reply)
        if len(line.slow_replies) == len(reads):
            line.slow = line.profile.slow_values(line.slow_replies)
            line.slow_replies.clear()
            line.slow_due = self._loop.time() + self._settings.slow_every_s

    async def _ask(self, link: Link, line: Line, request: Request) -> bytes | None:
        """The reply, or None: the meter was silent or refused, or nothing could be sent."""
        started = self._loop.time()
        try:
            timeout_s = line.timeout_s(self._settings, request)
            reply = await link.ask(line.unit, request, timeout_s=timeout_s, gate=self._gate)
        except (LinkDown, NotSent):
            return None  # The connection or the lease is gone, and the bus sees to that; the meter is not to blame.
        except ExceptionReply as said:
            line.refuses = not said.from_gateway
            self._failed(link, line)
        except Trouble:
            line.refuses = False
            self._failed(link, line)
        else:
            self._tell_found(line)
            line.answered(self._loop.time() - started)
            return reply
        return None

    def _gate(self) -> None:
        if not self._may_send():
            raise NotSent("not_owner")

    def _failed(self, link: Link, line: Line) -> None:
        now = self._loop.time()
        self.counts.failures += 1
        line.failed(now, self._settings)
        if not line.offline:
            return
        if line.failures == OFFLINE_AFTER:
            log.warning("meter_lost", gateway=self._gateway_id, meter=line.meter.id)
        self._listener.silent(line.meter.id)
        if self._all_silent() and now - self._suspected_at > self._settings.suspect_every_s:
            self._suspected_at = now
            link.close()

    def _all_silent(self) -> bool:
        return all(line.offline for line in self._lines.values())

    def _understand(self, line: Line) -> None:
        """All reads of a poll are in."""
        replies = [line.replies[number] for number in range(len(line.profile.reads))]
        values = line.profile.understand(replies, line.unit)
        self.counts.polls += 1
        line.polled(self._loop.time())
        if line.slow or line.serial is not None:
            values = replace(values, measured={**line.slow, **values.measured}, serial=values.serial or line.serial)
        self._judge(line, values)

    def _tell_device(self, line: Line) -> None:
        """Another device is told once for each connection; its readings are held, and it is not switched (S11)."""
        if line.wrong_device:
            log.warning("meter_is_another", gateway=self._gateway_id, meter=line.meter.id)

    def _all_due(self, now: float) -> None:
        for line in self._lines.values():
            line.due = min(line.due, now)

    def _judge(self, line: Line, values: Values) -> None:
        """Hands a reading on, unless the checks say that this is not the meter we think it is."""
        trusted = not values.failed_checks
        if trusted != line.trusted:
            line.trusted = trusted
            log.warning("meter_checks", gateway=self._gateway_id, meter=line.meter.id, failed=values.failed_checks)
        if trusted:
            self._listener.polled(line.meter.id, values)
        else:
            self._listener.silent(line.meter.id)
