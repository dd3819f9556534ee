"""Sets the clocks of meters once a day, each at a minute of its own, away from the full hours, when data are frozen.

Bills never follow a meter's clock; its own bands and frozen figures do. Only a clock that is off is written, to one
meter at a time, and read back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime
from zlib import crc32
from zoneinfo import ZoneInfo

import structlog

from meters.bus import Bus
from meters.clock_parts import Clock as MeterClock
from meters.jobs import Priority
from meters.profiles import load_profile
from prepaid.domain.errors import Trouble
from prepaid.domain.metering import Meter
from prepaid.ports import Clock
from prepaid.usecases.views import BusPlan

log = structlog.get_logger()

LOOK_EVERY_S = 20.0
OFF_S = 10
"""A clock within this is left alone."""
FIRST_MINUTE, LAST_MINUTE = 5, 55
"""Nothing is written nearer to a full hour."""
FAULT_AFTER = 2
"""Days in a row on which a clock would not be set."""
WRITE_WITHIN_S = 10.0


def due_minute(meter_id: str, day: date) -> int:
    """The minute of the day at which this meter is looked at: another one each day, never in the hour of midnight."""
    chance = crc32(f"{meter_id}:{day:%Y-%m-%d}".encode())
    return (1 + chance % 22) * 60 + 10 + chance // 22 % 40


class ClockSync:
    """The clocks on one bus."""

    def __init__(self, bus: Bus, clock: Clock, trusted: Callable[[], bool]) -> None:
        self._bus = bus
        self._clock = clock
        self._trusted = trusted
        self._meters: Mapping[str, tuple[Meter, MeterClock]] = {}
        self._zone = ZoneInfo("UTC")
        self._done: dict[str, date] = {}
        self._failed: dict[str, int] = {}
        self._stirred = asyncio.Event()

    def update(self, plan: BusPlan) -> None:
        """A fresh plan."""
        found: dict[str, tuple[Meter, MeterClock]] = {}
        for meter in plan.meters:
            clock = load_profile(meter.profile).clock
            if clock is not None:
                found[meter.id] = meter, clock
        self._meters, self._zone = found, ZoneInfo(plan.time_zone)
        self._stirred.set()

    async def run(self) -> None:
        """Looks after the clocks until cancelled."""
        while True:
            self._stirred.clear()
            for name in self.due(self._local()):
                await self._sync(name)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    def due(self, local: datetime) -> list[str]:
        """Whose turn has come today and who has not been looked at yet."""
        if not FIRST_MINUTE <= local.minute <= LAST_MINUTE or not self._trusted():
            return []
        minute = local.hour * 60 + local.minute
        return [
            name
            for name in self._meters
            if self._done.get(name) != local.date() and due_minute(name, local.date()) <= minute
        ]

    def _local(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    async def _sync(self, name: str) -> None:
        known = self._meters.get(name)
        if known is None:
            return
        meter, clock = known
        day = self._local().date()
        try:
            set_right = await self._set_right(meter, clock)
        except Trouble as trouble:
            log.info("clock_waits", meter=name, why=trouble.key)
            return  # Tried again at the next look; a silent meter is told elsewhere.
        self._done[name] = day
        self._failed[name] = 0 if set_right else self._failed.get(name, 0) + 1
        if self._failed[name] == FAULT_AFTER:
            log.warning("meter_clock_fault", meter=name)

    async def _set_right(self, meter: Meter, clock: MeterClock) -> bool:
        off = self._off_s(clock, await self._bus.read(meter.unit, clock.request))
        if off is not None and abs(off) <= OFF_S:
            return True
        write = clock.write(self._local())
        if write is None:
            log.info("clock_off", meter=meter.id, off_s=off)
            return False

        async def still_trusted() -> bool:
            return self._trusted() and self._bus.polling.trusts(meter.id)

        reply = await self._bus.switch(
            meter.unit,
            write,
            clock.request,
            settle_s=0.1,
            expires_at=asyncio.get_running_loop().time() + WRITE_WITHIN_S,
            last_look=still_trusted,
            priority=Priority.ON_DEMAND,
        )
        now_off = self._off_s(clock, reply)
        log.info("clock_set", meter=meter.id, was_off_s=off, off_s=now_off)
        return now_off is not None and abs(now_off) <= OFF_S

    def _off_s(self, clock: MeterClock, reply: bytes) -> int | None:
        told = clock.time_in(reply)
        return None if told is None else int((told - self._local().replace(tzinfo=None)).total_seconds())
