"""Owns one gateway while the lease lasts: its bus, its relays, its readings, and the plan they follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from meters.bus import Bus
from meters.calls import Calls
from meters.clocks import ClockSync
from meters.errands import Errands
from meters.lines import BusSettings
from meters.links.opening import Ways
from meters.profile import Measures, Values
from meters.profiles import load_profile
from meters.reconciler import Reconciler
from meters.sweeps import Sweeps
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.metering import Gateway, Meter, Reading
from prepaid.domain.supply import Reported
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.gather_facts import clock_doubtful

log = structlog.get_logger()

PLAN_EVERY_S = 5.0
"""Whatever changes wakes the owner at once; this is for wake-ups that are lost."""
LINK_RETRY_S = 1.0
DRAIN_S = 2.0


class Owner:
    """One gateway's owner. `run` works until it is cancelled; `may_send` is asked before every frame."""

    def __init__(
        self,
        business: Business,
        gateway: Gateway,
        *,
        calls: Calls,
        settings: BusSettings,
        may_send: Callable[[], bool],
        still_ours: Callable[[], Awaitable[bool]],
        ways: Ways | None = None,
    ) -> None:
        self._business = business
        self._gateway = gateway
        self._calls = calls
        self._still_ours = still_ours
        connect = (ways or Ways()).opener(gateway, timeout_s=settings.connect_timeout_s)
        self.bus = Bus(gateway.id, connect, self, settings=settings, may_send=may_send, baud=gateway.baud)
        self.reconciler = Reconciler(self.bus, self, business.clock)
        self.clocks = ClockSync(self.bus, business.clock, lambda: not clock_doubtful(business))
        self.errands = Errands(business, gateway.id, self.bus, calls=calls, still_ours=still_ours)
        self.sweeps = Sweeps(gateway.id, lambda sweep: calls.settle_readings(business, sweep))
        self._away = asyncio.Event()
        self._near = asyncio.Event()
        self._store_away = False
        self._without_profile: set[str] = set()

    async def run(self) -> None:
        """Owns the gateway until cancelled; what was read by then is still settled if the store is there."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_plan())
                tasks.create_task(self.bus.run())
                tasks.create_task(self.reconciler.run())
                tasks.create_task(self.sweeps.run())
                tasks.create_task(self.clocks.run())
                tasks.create_task(self.errands.run())
                tasks.create_task(self._tell_link())
        finally:
            await self._drain()

    async def _drain(self) -> None:
        self.sweeps.close()
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.sweeps.settle_all()
        except TimeoutError:
            log.warning("sweeps_left", gateway=self._gateway.id)

    async def _follow_plan(self) -> None:
        topic = topic_gateway(self._gateway.id)
        async with self._business.wakeups.waiter(topic) as waiter:
            while True:
                await self._take_plan()
                await waiter.wait(PLAN_EVERY_S)

    async def _take_plan(self) -> None:
        try:
            plan = await self._calls.bus_plan(self._business, self._gateway.id)
        except TryAgain as away:
            # Reading goes on by the old plan; switching asks the store in the last moment and waits for it.
            self._tell_store(away.key)
            return
        except Refused as refused:
            log.warning("plan_refused", gateway=self._gateway.id, why=refused.key)
            return
        self._tell_store("")
        usable = replace(plan, meters=tuple(meter for meter in plan.meters if self._has_profile(meter)))
        self.bus.set_meters(usable.meters, usable.near_zero)
        self.reconciler.update(usable)
        self.clocks.update(usable)

    def _tell_store(self, trouble: str) -> None:
        """Logs when the store goes away and when it is back, not all the while."""
        if bool(trouble) != self._store_away:
            self._store_away = bool(trouble)
            log.warning("plan_stale" if trouble else "plan_fresh", gateway=self._gateway.id, why=trouble)

    def _has_profile(self, meter: Meter) -> bool:
        """A meter of a model that nobody knows must not stop its neighbours."""
        try:
            load_profile(meter.profile)
        except Refused as refused:
            if meter.id not in self._without_profile:
                self._without_profile.add(meter.id)
                log.warning("meter_unusable", meter=meter.id, why=refused.key, **refused.params)
            return False
        return True

    async def _tell_link(self) -> None:
        """Tells the business once that the gateway is away, and once that it is back."""
        while True:
            await self._away.wait()
            await self._until_told(self._calls.gateway_lost)
            await self._near.wait()
            await self._until_told(self._calls.gateway_found)

    async def _until_told(self, tell: Callable[[Business, str], Awaitable[None]]) -> None:
        while True:
            try:
                await tell(self._business, self._gateway.id)
            except (TryAgain, Unknown):
                await asyncio.sleep(LINK_RETRY_S)
            except Refused as refused:
                log.warning("gateway_not_told", gateway=self._gateway.id, why=refused.key)
                return
            else:
                return

    # What the bus tells.

    def polled(self, meter_id: str, values: Values) -> None:
        """A meter was read."""
        now, measured = self._business.clock.now(), values.measured
        energy_wh = values.billed  # Litres, where the meter counts water.
        relay_on = values.relay_on
        if relay_on is not None:
            self.reconciler.saw(meter_id, Reported(on=relay_on, at=now))
        else:
            relay_on = self.reconciler.relay_state(meter_id)
        power_w, current_ma = measured.get(Measures.POWER_W), measured.get(Measures.CURRENT_MA)
        self.reconciler.saw_load(meter_id, energy_wh=energy_wh, power_w=power_w, current_ma=current_ma)
        if energy_wh is None:
            self.sweeps.add_silent(meter_id)
            return
        self.sweeps.add(
            Reading(
                meter_id=meter_id,
                at=now,
                energy_wh=energy_wh,
                relay_on=relay_on,
                power_w=power_w,
                voltage_mv=measured.get(Measures.VOLTAGE_MV),
                current_ma=current_ma,
                serial=values.serial,
                bands=values.bands or None,
                alarms=tuple(values.alarms),
            )
        )

    def silent(self, meter_id: str) -> None:
        """A meter does not answer."""
        self.sweeps.add_silent(meter_id)

    def swept(self) -> None:
        """The pass is over."""
        self.sweeps.close()

    def lost(self) -> None:
        """The gateway is away."""
        self._near.clear()
        self._away.set()

    def found(self) -> None:
        """The gateway is there."""
        self._away.clear()
        self._near.set()
        self.reconciler.hurry()

    # What the reconciler asks.

    async def may_switch(self, meter_id: str, generation: int, *, on: bool) -> bool:
        """The lease, asked of the database, and the facts."""
        ours, right = await asyncio.gather(
            self._still_ours(), self._calls.may_switch(self._business, meter_id, generation, on=on)
        )
        if not ours:
            raise TryAgain("try_again.lease_lost")
        return right

    async def record_switch(self, meter_id: str, generation: int, reported: Reported | None) -> None:
        """Stores the read-back; what polls saw before it is forgotten."""
        if reported is not None:
            self.sweeps.forget_relay(meter_id, reported.at)
        await self._calls.record_switch(self._business, meter_id, generation, reported)

    async def relay_moved(self, meter_id: str, generation: int, reported: Reported) -> None:
        """Somebody moved a contact."""
        await self._calls.relay_moved(self._business, meter_id, generation, reported)

    async def relay_bypassed(self, meter_id: str, generation: int) -> None:
        """A load flows through an open contact."""
        await self._calls.relay_bypassed(self._business, meter_id, generation)

    async def recuts_held(self, meter_id: str, generation: int) -> None:
        """Too many contacts came on by themselves."""
        await self._calls.recuts_held(self._business, meter_id, generation)
