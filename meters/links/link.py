"""A strict Modbus link over any byte stream: one request in flight, and only its own reply counts.

A reply is used only if unit, function, length, byte count or echo, and the CRC (RTU) or transaction id (MBAP) are those
of the request in flight. All else in the stream (noise, heartbeats, late replies) is counted and skipped. Nothing is
ever sent twice. RTU frames carry no transaction id, so after a timeout the unit is tainted: it is asked nothing until
its late reply was seen and dropped, or a quiet time has passed (S4, S5, S11).
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from meters.links.errors import ExceptionReply, LinkDown, NoReply, WriteUnanswered
from meters.links.requests import EXCEPTION_BIT, Request
from prepaid.domain.errors import InvariantBroken

KEPT_BYTES = 1024
"""More than the longest frame with noise around it. What comes beyond it is dropped from the front."""
QUIET_S = 2.0
TICK_S = 0.001
"""The loop's clock: an alarm set nearer than this would ring in the same tick."""
LAST_UNIT = 255


@dataclass(slots=True)
class LinkCounts:
    """What passed over a link."""

    replies: int = 0
    exceptions: int = 0
    timeouts: int = 0
    late: int = 0
    skipped_bytes: int = 0


@dataclass(slots=True, eq=False)
class Waiting:
    """The request in flight. Not frozen, because one is made for every read."""

    unit: int
    request: Request
    reply: asyncio.Future[bytes]


class Link(asyncio.Protocol, ABC):
    """One connection. The owner asks one thing at a time; `closed` is set when the connection is gone."""

    def __init__(self, *, quiet_s: float = QUIET_S) -> None:
        self.counts = LinkCounts()
        self.closed = asyncio.Event()
        self.on_closed: Callable[[], None] | None = None
        self._quiet_s = quiet_s
        self._transport: asyncio.Transport | None = None
        self._waiting: Waiting | None = None
        self._asking = False
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        # One alarm for the whole connection: nearly every reply comes in time, and a timer for each would be waste.
        self._alarm: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._due = 0.0

    @abstractmethod
    def frame(self, unit: int, request: Request) -> bytes:
        """Puts a request's PDU into a frame to send."""

    @abstractmethod
    def take(self, waiting: Waiting | None) -> bytes | None:
        """Takes the reply to `waiting` out of the buffer if it is there, and drops what cannot become one."""

    @abstractmethod
    def whole(self, waiting: Waiting, data: bytes) -> bytes | None:
        """The reply to `waiting` if `data` is its frame and nothing else."""

    def tainted(self, unit: int) -> float:
        """How many seconds the unit must still be left alone; 0.0 when it may be asked."""
        del unit
        return 0.0

    def taint(self, waiting: Waiting) -> None:
        """Told when a request ended without its reply."""
        del waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is open."""
        # uvloop's transports have the methods of asyncio's, but are not of its classes.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is gone; whoever waits learns it at once."""
        del exc
        if self.closed.is_set():
            return
        self._transport = None
        self.closed.set()
        self._silence()
        waiting = self._waiting
        if waiting is not None and not waiting.reply.done():
            lost = WriteUnanswered(waiting.unit) if waiting.request.writes else LinkDown()
            waiting.reply.set_exception(lost)
        if self.on_closed is not None:
            self.on_closed()

    def close(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came in; perhaps they complete the reply."""
        waiting = self._waiting
        if waiting is not None and not self._buffer and not waiting.reply.done():
            # Nearly always the reply comes in one piece and nothing else with it.
            whole = self.whole(waiting, data)
            if whole is not None:
                self.counts.replies += 1
                waiting.reply.set_result(whole)
                return
        self._sift(data)

    def _sift(self, data: bytes) -> None:
        """Looks for the reply among whatever else has come."""
        self._buffer += data
        if len(self._buffer) > KEPT_BYTES:
            self.skip(len(self._buffer) - KEPT_BYTES)
        waiting = self._waiting if self._waiting is not None and not self._waiting.reply.done() else None
        pdu = self.take(waiting)
        if pdu is not None and waiting is not None:
            self.skip(len(self._buffer))
            self._answer(waiting, pdu)

    def skip(self, count: int) -> None:
        """Drops bytes that nobody asked for."""
        self.counts.skipped_bytes += count
        del self._buffer[:count]

    async def ask(
        self, unit: int, request: Request, *, timeout_s: float, gate: Callable[[], None] | None = None
    ) -> bytes:
        """Sends once and waits for the reply PDU.

        `gate` is called right before the frame leaves and raises to hold it back. Raises `LinkDown` (nothing changed),
        `NoReply` (a read), `WriteUnanswered` (a write that may have been carried out) or `ExceptionReply`.
        """
        if self._asking or not 1 <= unit <= LAST_UNIT:
            raise InvariantBroken("one request at a time, and none to the broadcast address")
        self._asking = True
        try:
            # The owner of the bus asks other units meanwhile; this wait is for whoever does not.
            left_s = self.hold_s(unit)
            if left_s > 0:
                await asyncio.sleep(left_s)
            transport = self._transport
            if transport is None or transport.is_closing():
                # Whoever tries again at once must not keep the loop from telling that the connection is gone.
                await asyncio.sleep(0)
                raise LinkDown
            if gate is not None:
                gate()
            if self._buffer:
                self.skip(len(self._buffer))
            waiting = self._waiting = Waiting(unit, request, self._loop.create_future())
            transport.write(self.frame(unit, request))
            self._due = due = self._loop.time() + timeout_s
            if due < self._rings_at:
                self._ring_at(due)
            try:
                return await waiting.reply
            except ExceptionReply:
                raise
            except BaseException:
                # Timeout, loss or cancellation: whatever it was, the reply may still come.
                self.taint(waiting)
                raise
        finally:
            self._asking = False
            self._waiting = None

    def hold_s(self, unit: int) -> float:
        """How many seconds no frame may leave for this unit."""
        del unit
        return 0.0

    def _ring_at(self, due: float) -> None:
        self._silence()
        self._rings_at = due
        self._alarm = self._loop.call_at(due, self._rung)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._rings_at = None, math.inf

    def _rung(self) -> None:
        """The alarm was set for a request before this one perhaps; then it is set anew."""
        self._alarm, self._rings_at = None, math.inf
        waiting = self._waiting
        if waiting is None or waiting.reply.done():
            return
        now = self._loop.time()
        if now < self._due:
            self._ring_at(max(self._due, now + TICK_S))
        else:
            self._time_up(waiting)

    def _time_up(self, waiting: Waiting) -> None:
        self.counts.timeouts += 1
        silent = WriteUnanswered(waiting.unit) if waiting.request.writes else NoReply(waiting.unit)
        waiting.reply.set_exception(silent)

    def _answer(self, waiting: Waiting, pdu: bytes) -> None:
        if pdu[0] & EXCEPTION_BIT:
            self.counts.exceptions += 1
            waiting.reply.set_exception(ExceptionReply(waiting.unit, pdu[1]))
        else:
            self.counts.replies += 1
            waiting.reply.set_result(pdu)
