"""Takes gateways under lease and runs an owner for each. Of any number of workers, one owns a bus at a time.

The moment a lease is in doubt its owner stops touching the bus: the deadline is checked before every frame, on a clock
that also runs while the machine is suspended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from meters.calls import Calls
from meters.lines import BusSettings
from meters.links.opening import DIALS_IN, Ways
from meters.owner import Owner
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.metering import Gateway
from prepaid.ports import Business, Lease

log = structlog.get_logger()

LEASE_S = 10.0
LEASE_MARGIN_S = 1.0
"""An owner stops this much before its lease ends, because clocks differ and a frame takes its time."""
TRANSPARENT_SHORTEST_TIMEOUT_S = 0.3
MOBILE_TIMEOUT_S = 4.0
CALL_S = 8.0
"""A unit that does not call again within this time is lost; its owner must say so before the lease moves on."""


def seconds_awake_or_not() -> float:
    """Seconds that also pass while the machine is suspended, where the platform can say."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def bus_settings(gateway: Gateway) -> BusSettings:
    """A transparent link adapts to its meters; behind a Modbus TCP gateway only its own timeout counts.

    A mobile network takes its time, and a unit that calls is waited for instead of called again and again.
    """
    if gateway.transport in DIALS_IN:
        return BusSettings(reply_timeout_s=MOBILE_TIMEOUT_S, connect_timeout_s=CALL_S, reconnect_most_s=1.0)
    if gateway.transport in {"rtu_tcp", "serial"}:
        return BusSettings(shortest_timeout_s=TRANSPARENT_SHORTEST_TIMEOUT_S)
    return BusSettings()


@dataclass(slots=True, eq=False)
class _Held:
    """A gateway that this worker owns."""

    gateway: Gateway
    lease: Lease
    deadline: float
    task: asyncio.Task[None] | None = None


class Worker:
    """Owns as many gateways as it can get, until told to stop."""

    def __init__(
        self,
        business: Business,
        *,
        owner: str,
        calls: Calls | None = None,
        settings: Callable[[Gateway], BusSettings] = bus_settings,
        lease_s: float = LEASE_S,
        margin_s: float = LEASE_MARGIN_S,
        seconds: Callable[[], float] = seconds_awake_or_not,
        ways: Ways | None = None,
    ) -> None:
        self._ways = ways or Ways()
        self._business = business
        self._owner = owner
        self._calls = calls or Calls()
        self._settings = settings
        self._lease_s = lease_s
        self._margin_s = margin_s
        self._seconds = seconds
        self._held: dict[str, _Held] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then settles what it has read and gives its leases back."""
        try:
            while not stop.is_set():
                await self._tend()
                try:
                    async with asyncio.timeout(self._lease_s / 3):
                        await stop.wait()
                except TimeoutError:
                    continue
        finally:
            await asyncio.gather(*(self._let_go(held) for held in list(self._held.values())))

    async def _tend(self) -> None:
        """Renews what is held, drops what is doubtful, takes what is free."""
        try:
            known = await self._business.store.sites.gateways()
            if self._ways.door is not None:
                self._ways.door.know(known)
            gateways = {gateway.id: gateway for gateway in known if self._ways.serves(gateway)}
        except TryAgain as away:
            log.warning("gateways_unknown", why=away.key)
            gateways = {held.gateway.id: held.gateway for held in self._held.values()}
        for held in list(self._held.values()):
            if gateways.get(held.gateway.id) != held.gateway:
                await self._let_go(held)
        await asyncio.gather(*(self._tend_one(gateway) for gateway in gateways.values()))

    async def _tend_one(self, gateway: Gateway) -> None:
        held, asked_at = self._held.get(gateway.id), self._seconds()
        try:
            async with asyncio.timeout(self._lease_s / 3):
                lease = await self._business.store.leases.take(f"gateway:{gateway.id}", self._owner, self._lease_s)
        except (TryAgain, Unknown, TimeoutError):
            lease = None
            if held is not None and self._live(held):
                return  # The lease we have still stands; the next round asks again.
        if lease is None or (held is not None and held.lease.token != lease.token):
            if held is not None:
                await self._let_go(held, release=False)
            if lease is None:
                return
            held = None
        deadline = asked_at + self._lease_s - self._margin_s
        if held is None:
            held = self._held[gateway.id] = _Held(gateway, lease, deadline)
        held.lease, held.deadline = lease, deadline
        self._keep_running(held)

    def _keep_running(self, held: _Held) -> None:
        """Starts the owner, or starts it again after a trouble that was none of the known ones."""
        task = held.task
        if task is not None and not task.done():
            return
        if task is not None and not task.cancelled() and task.exception() is not None:
            log.error("owner_failed", gateway=held.gateway.id, exc_info=task.exception())
        try:
            held.task = asyncio.create_task(self._make(held).run())
        except Refused as refused:
            log.warning("gateway_unusable", gateway=held.gateway.id, why=refused.key, **refused.params)

    def _make(self, held: _Held) -> Owner:
        return Owner(
            self._business,
            held.gateway,
            calls=self._calls,
            settings=self._settings(held.gateway),
            may_send=lambda: self._live(held),
            still_ours=lambda: self._business.store.leases.holds(held.lease),
            ways=self._ways,
        )

    def _live(self, held: _Held) -> bool:
        return self._seconds() < held.deadline

    async def _let_go(self, held: _Held, *, release: bool = True) -> None:
        """Stops the owner before the lease is given back."""
        self._held.pop(held.gateway.id, None)
        if held.task is not None:
            held.task.cancel()
            await asyncio.gather(held.task, return_exceptions=True)
        if not release:
            return
        try:
            await self._business.store.leases.release(held.lease)
        except (TryAgain, Unknown) as away:
            log.warning("lease_not_released", gateway=held.gateway.id, why=away.key)
