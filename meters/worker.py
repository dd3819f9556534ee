"""Takes gateways under lease and runs an owner for each. Of any number of workers, one owns a bus at a time.

Workers share the gateways evenly: each keeps a session alive, sees the sessions of the others, gives what is beyond its
share and takes what is free. The moment the session is in doubt its owners stop touching their buses: the deadline is
checked before every frame, on a clock that also runs while the machine is suspended.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from meters.calls import Calls
from meters.lines import BusSettings
from meters.links.opening import DIALS_IN, Ways
from meters.owner import Owner
from meters.sharing import share, to_give, to_take
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.metering import Gateway
from prepaid.ports import TOPIC_WORKERS, Business, Lease

log = structlog.get_logger()

LEASE_S = 6.0
"""So a bus whose worker was killed has another one within ten seconds."""
LEASE_MARGIN_S = 1.0
"""An owner stops this much before its lease ends, because clocks differ and a frame takes its time."""
LOOKS_A_LEASE = 4
TRANSPARENT_SHORTEST_TIMEOUT_S = 0.3
MOBILE_TIMEOUT_S = 4.0
CALL_S = 8.0
"""A unit that does not call again within this time is lost; its owner must say so before the lease moves on."""
TAKEN_AT_ONCE = 16


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
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """Who lives, who has what, and what there is, as the store says it now."""

    workers: tuple[str, ...]
    leases: Mapping[str, Lease]
    gateways: Mapping[str, Gateway]

    @property
    def owners(self) -> Mapping[str, str]:
        """Who has which gateway."""
        return {name: lease.owner for name, lease in self.leases.items()}

    @property
    def shared(self) -> frozenset[str]:
        """Gateways that any worker can own. A unit that calls is owned where it called."""
        return frozenset(name for name, gateway in self.gateways.items() if gateway.transport not in DIALS_IN)


class Worker:
    """Owns its share of the gateways, until told to stop."""

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
        self._business = business
        # Two processes that were given one name must not take each other's leases for their own.
        self._name = f"{owner}:{secrets.token_hex(4)}"
        self._calls = calls or Calls()
        self._settings = settings
        self._ways = ways or Ways()
        self._lease_s = lease_s
        self._margin_s = margin_s
        self._seconds = seconds
        self._session: Lease | None = None
        self._deadline = 0.0
        self._held: dict[str, _Held] = {}
        self._blind = False

    @property
    def name(self) -> str:
        """What its leases are under."""
        return self._name

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then settles what it has read and gives its leases back."""
        try:
            async with self._business.wakeups.waiter(TOPIC_WORKERS) as waiter:
                stopped = asyncio.create_task(stop.wait())
                try:
                    while not stop.is_set():
                        await self._tend()
                        hint = asyncio.create_task(waiter.wait(self._lease_s / LOOKS_A_LEASE))
                        await asyncio.wait({stopped, hint}, return_when=asyncio.FIRST_COMPLETED)
                        hint.cancel()
                        await asyncio.gather(hint, return_exceptions=True)
                finally:
                    stopped.cancel()
        finally:
            await self._leave()

    async def _tend(self) -> None:
        """Renews the session, drops what is doubtful, gives and takes until the share is even."""
        try:
            async with asyncio.timeout(self._lease_s / 3):
                renewed = await self._renew()
                scene = await self._look() if renewed else None
        except (TryAgain, Unknown, TimeoutError) as away:
            # What we hold stands until the deadline; then every frame is held back until the store is there again.
            self._tell_blind(getattr(away, "key", "timeout"))
            return
        self._tell_blind("")
        if scene is not None:
            await self._even_out(scene)

    def _tell_blind(self, trouble: str) -> None:
        if bool(trouble) != self._blind:
            self._blind = bool(trouble)
            log.warning("leases_in_doubt" if trouble else "leases_sure", why=trouble)

    async def _renew(self) -> bool:
        """Keeps the session alive. One that ran out was nobody's for a while: all that was held under it is dropped."""
        asked_at, before = self._seconds(), self._session
        session = await self._business.store.leases.take(f"worker:{self._name}", self._name, self._lease_s)
        if session is None or (before is not None and before.token != session.token):
            for held in list(self._held.values()):
                await self._let_go(held)
        self._session = session
        if session is None:
            return False
        self._deadline = asked_at + self._lease_s - self._margin_s
        if before is None:
            log.info("worker_joined", worker=self._name)
            await self._business.wakeups.wake(TOPIC_WORKERS)
        return True

    async def _look(self) -> _Scene:
        store = self._business.store
        workers, leases, gateways = await asyncio.gather(
            store.leases.live("worker"), store.leases.live("gateway"), store.sites.gateways()
        )
        if self._ways.door is not None:
            self._ways.door.know(gateways)
        return _Scene(
            workers=tuple(lease.owner for lease in workers),
            leases={lease.resource.removeprefix("gateway:"): lease for lease in leases},
            gateways={gateway.id: gateway for gateway in gateways},
        )

    async def _even_out(self, scene: _Scene) -> None:
        for held in list(self._held.values()):
            lease = scene.leases.get(held.gateway.id)
            if lease is None or (lease.owner, lease.token) != (held.lease.owner, held.lease.token):
                await self._let_go(held)
            elif scene.gateways.get(held.gateway.id) != held.gateway or not self._ways.serves(held.gateway):
                await self._give_back(held)
        mine = self._held.keys() & scene.shared
        most = share(self._name, scene.workers, scene.owners, scene.shared)
        given = to_give(self._name, mine, most)
        await asyncio.gather(*(self._give_back(self._held[name]) for name in given))
        if given:
            log.info("gateways_given", worker=self._name, count=len(given))
            await self._business.wakeups.wake(TOPIC_WORKERS)
        free = {name for name in scene.gateways if name not in self._held and self._may_take(scene.leases.get(name))}
        wanted = to_take(self._name, mine - set(given), free & scene.shared, most)
        wanted += [name for name in free - scene.shared if self._ways.serves(scene.gateways[name])]
        for at in range(0, len(wanted), TAKEN_AT_ONCE):
            await asyncio.gather(*(self._take(scene.gateways[name]) for name in wanted[at : at + TAKEN_AT_ONCE]))
        for held in self._held.values():
            self._keep_running(held)

    def _may_take(self, lease: Lease | None) -> bool:
        """Free, or ours by a write whose answer was lost."""
        return lease is None or lease.owner == self._name

    async def _take(self, gateway: Gateway) -> None:
        if self._session is None:
            return
        try:
            lease = await self._business.store.leases.take_under(f"gateway:{gateway.id}", self._session)
        except (TryAgain, Unknown):
            return  # If it was taken after all, the next look finds it under our name.
        if lease is not None:
            self._held[gateway.id] = _Held(gateway, lease)

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
            may_send=lambda: self._seconds() < self._deadline,
            still_ours=lambda: self._business.store.leases.holds(held.lease),
            ways=self._ways,
        )

    async def _let_go(self, held: _Held) -> None:
        """Stops the owner."""
        self._held.pop(held.gateway.id, None)
        if held.task is not None:
            held.task.cancel()
            await asyncio.gather(held.task, return_exceptions=True)

    async def _give_back(self, held: _Held) -> None:
        """Stops the owner before the lease is given back."""
        await self._let_go(held)
        await self._release(held.lease)

    async def _leave(self) -> None:
        """With the session all that was held under it is free."""
        await asyncio.gather(*(self._let_go(held) for held in list(self._held.values())))
        if self._session is not None:
            await self._release(self._session)
            await self._business.wakeups.wake(TOPIC_WORKERS)

    async def _release(self, lease: Lease) -> None:
        try:
            await self._business.store.leases.release(lease)
        except (TryAgain, Unknown) as away:
            log.warning("lease_not_released", lease=lease.resource, why=away.key)
