"""Reads the meters of a bus in turn: those that answer as often as asked, dead ones from a small share of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from meters.lines import OFFLINE_AFTER, BusSettings, Line
from meters.links.errors import LinkDown, NotSent
from meters.links.link import Link
from meters.links.requests import words
from meters.profile import Values
from meters.profiles import load_profile
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
    failures: int = 0


class Polling:
    """The meters of one bus and whose turn it is."""

    def __init__(
        self, gateway_id: str, listener: PollListener, *, settings: BusSettings, may_send: Callable[[], bool]
    ) -> None:
        self.counts = PollCounts()
        self._gateway_id = gateway_id
        self._listener = listener
        self._settings = settings
        self._may_send = may_send
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, Line] = {}
        self._swept = True
        self._probe_credit_s = 0.0
        self._credited_at = self._loop.time()
        self._suspected_at = float("-inf")

    def set_meters(self, meters: Iterable[Meter]) -> None:
        """The meters that the bus has now. Those that were known keep their standing."""
        lines: dict[str, Line] = {}
        for meter in meters:
            known = self._lines.get(meter.id)
            if known is None or (known.unit, known.profile.name) != (meter.unit, meter.profile):
                lines[meter.id] = Line(meter, load_profile(meter.profile), due=self._loop.time())
            else:
                lines[meter.id] = known
                known.meter = meter
        self._lines = lines

    def trusts(self, meter_id: str) -> bool:
        """Whether the meter at this address passed the checks of its profile when last read (S11)."""
        line = self._lines.get(meter_id)
        return line is not None and line.trusted

    def forgive(self) -> None:
        """The gateway is back: every meter gets its turn at once."""
        for line in self._lines.values():
            line.forgive(self._loop.time())

    def next_at(self, now: float) -> float | None:
        """When the next meter is due; told to the listener when all have had their turn."""
        soonest = min((line.due for line in self._lines.values()), default=None)
        if not self._swept and (soonest is None or soonest > now or not self._someone_healthy_due(now)):
            self._swept = True
            self._listener.swept()
        return soonest

    async def step(self, link: Link) -> bool:
        """Reads whoever is due; False when nobody is."""
        line = self._next_line(self._loop.time(), link)
        if line is None:
            return False
        await self._poll(link, line)
        return True

    def _someone_healthy_due(self, now: float) -> bool:
        return any(line.due <= now and not line.offline for line in self._lines.values())

    def _next_line(self, now: float, link: Link) -> Line | None:
        """The healthy meter that has waited longest; a dead one only from the share that dead ones have."""
        due = [line for line in self._lines.values() if line.due <= now and not link.tainted(line.unit)]
        healthy = [line for line in due if not line.offline]
        dead = [line for line in due if line.offline]
        # On an idle bus any credit will do. On a busy one a whole probe must have been saved up for, or the dead would
        # never be asked again; then it goes first.
        credit_s = self._probe_credit(now)
        if dead and (credit_s >= self._settings.reply_timeout_s or (credit_s > 0 and not healthy)):
            return min(dead, key=lambda line: line.due)
        return min(healthy, key=lambda line: line.due, default=None)

    def _probe_credit(self, now: float) -> float:
        settings = self._settings
        earned_s = (now - self._credited_at) * settings.probe_share
        self._credited_at = now
        self._probe_credit_s = min(self._probe_credit_s + earned_s, settings.reply_timeout_s)
        return self._probe_credit_s

    async def _poll(self, link: Link, line: Line) -> None:
        """One read of a meter. A command that comes in meanwhile waits for this one transaction, not for the rest."""
        started, probe = self._loop.time(), line.offline
        read = line.profile.reads[len(line.replies)]
        self._swept = False
        try:
            timeout_s = line.timeout_s(self._settings)
            reply = await link.ask(line.unit, read.request, timeout_s=timeout_s, gate=self._gate)
        except (LinkDown, NotSent):
            return  # The connection or the lease is gone, and the bus sees to that; the meter is not to blame.
        except Trouble:
            self._failed(link, line)
        else:
            self._answered(line, words(reply), started)
        finally:
            if probe:
                self.counts.probes += 1
                self._probe_credit_s -= self._loop.time() - started

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

    def _answered(self, line: Line, reply: tuple[int, ...], started: float) -> None:
        now = self._loop.time()
        if line.offline:
            log.info("meter_found", gateway=self._gateway_id, meter=line.meter.id)
            if self._all_silent():
                # One that is back is a sign that the wire is back.
                self._all_due(now)
        line.answered(now - started)
        line.replies.append(reply)
        if len(line.replies) < len(line.profile.reads):
            return
        values = line.profile.values(line.replies, line.unit)
        self.counts.polls += 1
        line.polled(now)
        self._judge(line, values)

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
