"""Gathers readings into sweeps and keeps them until they are settled, within bounds.

A sweep goes out when every due meter has had its turn, or a moment after its first reading: the bill is only as fresh
as this. No sweep holds two readings of one meter, because each is judged against the one before it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.metering import Reading, Sweep

log = structlog.get_logger()

GATHER_S = 2.0
"""About what a pass over a full bus takes."""
KEPT_SWEEPS = 240
"""An hour of outage at four sweeps a minute. Registers are cumulative: what falls out is still billed by the next."""
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 10.0


class Sweeps:
    """The readings of one bus on their way to the business."""

    def __init__(self, gateway_id: str, settle: Callable[[Sweep], Awaitable[None]]) -> None:
        self.dropped = 0
        self._gateway_id = gateway_id
        self._settle = settle
        self._readings: dict[str, Reading] = {}
        self._silent: dict[str, None] = {}
        self._full: deque[Sweep] = deque()
        self._first_at = 0.0
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def add(self, reading: Reading) -> None:
        """One more reading."""
        if reading.meter_id in self._readings or reading.meter_id in self._silent:
            self.close()
        self._start()
        self._readings[reading.meter_id] = reading

    def add_silent(self, meter_id: str) -> None:
        """A meter that did not answer."""
        if meter_id in self._readings:
            self.close()
        self._start()
        self._silent[meter_id] = None

    def forget_relay(self, meter_id: str, before: datetime) -> None:
        """Drops what polls saw of a relay before it was switched: it is true no more and must undo nothing."""
        reading = self._readings.get(meter_id)
        if reading is not None and reading.at < before:
            self._readings[meter_id] = replace(reading, relay_on=None)
        self._full = deque(self._without(sweep, meter_id, before) for sweep in self._full)

    def close(self) -> None:
        """What was gathered becomes a sweep."""
        if not self._readings and not self._silent:
            return
        if len(self._full) >= KEPT_SWEEPS:
            self._full.popleft()
            self.dropped += 1
        readings, silent = tuple(self._readings.values()), tuple(self._silent)
        self._full.append(Sweep(gateway_id=self._gateway_id, readings=readings, silent=silent))
        self._readings, self._silent = {}, {}
        self._stirred.set()

    async def run(self) -> None:
        """Settles sweeps in order until cancelled."""
        while True:
            await self._gathered()
            await self.settle_all()

    async def settle_all(self) -> None:
        """Settles what is kept, again and again while the store is away."""
        pause_s = RETRY_FIRST_S
        while self._full:
            sweep = self._full.popleft()
            try:
                await self._settle(sweep)
            except (TryAgain, Unknown) as away:
                # Settling the same sweep again changes nothing, so an unknown end is tried again as well.
                if pause_s == RETRY_FIRST_S:
                    log.warning("sweeps_wait", gateway=self._gateway_id, why=away.key, kept=len(self._full) + 1)
                self._full.appendleft(sweep)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_MOST_S)
            except Refused as refused:
                log.warning("sweep_refused", gateway=self._gateway_id, why=refused.key)
            except BaseException:
                self._full.appendleft(sweep)
                raise

    async def _gathered(self) -> None:
        """Waits for a closed sweep, and closes one that has been open long enough."""
        while not self._full:
            self._stirred.clear()
            left_s = self._first_at + GATHER_S - self._loop.time() if self._readings or self._silent else None
            try:
                async with asyncio.timeout(left_s if left_s is None else max(0.0, left_s)):
                    await self._stirred.wait()
            except TimeoutError:
                self.close()

    def _start(self) -> None:
        if not self._readings and not self._silent:
            self._first_at = self._loop.time()
            self._stirred.set()

    @staticmethod
    def _without(sweep: Sweep, meter_id: str, before: datetime) -> Sweep:
        readings = (
            replace(reading, relay_on=None) if reading.meter_id == meter_id and reading.at < before else reading
            for reading in sweep.readings
        )
        return replace(sweep, readings=tuple(readings))
