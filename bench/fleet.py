"""One worker with 200 gateways of 32 meters each, all read without a pause: share of the physical limit, and own CPU.

The worker is the product's, with leases, owners, sweeps and reconcilers; the business behind it only counts, because no
store of one machine takes a thousand readings a second. The gateways run in processes of their own.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

from bench._frame import Limit
from bench._gateways import Spec
from bench._masters import PROFILE, PROFILE_YAML, gateway_of, gateways, meters_of
from bench.bus import limit_reads_s
from meters import profiles
from meters.calls import Calls
from meters.worker import Worker
from prepaid.domain.field_requests import FieldKind
from prepaid.domain.metering import Gateway, Meter, Sweep
from prepaid.domain.supply import Outcome, Reported, Supply, Wanted
from prepaid.ports import Business, Lease
from prepaid.usecases.views import BusPlan

GATEWAYS = 200
METERS = 32
WARM_UP_S = 10.0
WINDOW_S = 30.0
FLEET_PROFILE = "bench_fleet"
"""As the other benchmarks', but a poll tells of the relay too, as with most meters that have one."""

LIMITS: Mapping[str, Limit] = {"share": Limit(">=", 0.97), "own_cores": Limit("<=", 0.5)}


async def run() -> Mapping[str, int | float]:
    """Measures."""
    spec = Spec(gateways=GATEWAYS, meters=METERS)
    async with AsyncExitStack() as stack:
        stand_ins = await stack.enter_async_context(gateways(spec))
        await stack.enter_async_context(_known_profile())
        town = Town(stand_ins.ports)
        await stack.enter_async_context(_at_work(town))
        await asyncio.sleep(WARM_UP_S)
        cpu_s, readings, began = time.process_time(), town.readings, time.monotonic()
        await asyncio.sleep(WINDOW_S)
        took_s = time.monotonic() - began
        cpu_s, readings = time.process_time() - cpu_s, town.readings - readings
    return {
        "share": round(readings / took_s / (GATEWAYS * limit_reads_s(spec)), 4),
        "own_cores": round(cpu_s / took_s, 3),
        "cpu_us_a_read": round(cpu_s / readings * 1e6, 1),
        "rss_mb": round(_rss_mb(), 1),
        "meters": GATEWAYS * METERS,
        "meters_read": len(town.read),
        "reads_s": round(readings / took_s, 1),
    }


@asynccontextmanager
async def _known_profile() -> AsyncIterator[None]:
    """The model lies in a folder of its own, as an operator's would."""
    yaml = PROFILE_YAML.replace(PROFILE, FLEET_PROFILE)
    yaml = yaml.replace("read_back: {function: 1, address: 0,", "read_back: {function: 3, address: 8,")
    with TemporaryDirectory(prefix="chatwatt-fleet-") as folder:
        (Path(folder) / f"{FLEET_PROFILE}.yaml").write_text(yaml, encoding="utf-8")
        profiles.look_also_in(Path(folder))
        try:
            yield
        finally:
            profiles.look_also_in(None)


class Town:
    """A business that knows its meters and counts what it is told."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.readings = 0
        self.read: set[str] = set()
        known = [gateway_of(number, port, rtu=False) for number, port in enumerate(ports)]
        self._gateways: Mapping[str, Gateway] = {gateway.id: gateway for gateway in known}
        self._meters = {gateway.id: meters_of(gateway.id, METERS, profile=FLEET_PROFILE) for gateway in known}
        self._clock = _Clock()

    @property
    def business(self) -> Business:
        """What a worker asks of it."""

        async def all_gateways() -> list[Gateway]:
            return list(self._gateways.values())

        store = SimpleNamespace(leases=_Leases(), sites=SimpleNamespace(gateways=all_gateways))
        return cast("Business", SimpleNamespace(clock=self._clock, wakeups=_NoWakeups(), store=store, trust=None))

    def calls(self) -> Calls:
        """In place of the use cases."""
        return Calls(
            bus_plan=self._plan,
            settle_readings=self._settle,
            gateway_found=self._found,
            take_field=self._nothing_asked,
        )

    async def _plan(self, _: Business, gateway_id: str) -> BusPlan:
        meters = self._meters[gateway_id]
        supplies = {meter.id: _on(meter) for meter in meters}
        return BusPlan(gateway=self._gateways[gateway_id], meters=meters, supplies=supplies, command_ttl_s=60)

    async def _settle(self, _: Business, sweep: Sweep) -> None:
        self.readings += len(sweep.readings)
        self.read.update(reading.meter_id for reading in sweep.readings)

    async def _found(self, _: Business, __: str) -> None:
        """Nothing to tell."""

    async def _nothing_asked(self, _: Business, __: str, ___: tuple[FieldKind, ...], ____: str) -> None:
        """Nobody asks anything of a bus."""


def _on(meter: Meter) -> Supply:
    at = datetime.now(UTC)
    return Supply(
        meter_id=meter.id,
        account_id=None,
        site_id=meter.site_id,
        gateway_id=meter.gateway_id,
        path=meter.path,
        wanted=Wanted(at=at),
        reported=Reported(on=True, at=at),
        outcome=Outcome.CONFIRMED,
    )


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class _NoWakeups:
    """Nobody wakes anybody."""

    async def wake(self, topic: str) -> None:
        del topic

    @asynccontextmanager
    async def waiter(self, *topics: str) -> AsyncIterator[_NoWakeups]:
        """Waits the whole time."""
        del topics
        yield self

    async def wait(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return False


@dataclass(slots=True)
class _Leases:
    """One worker has them all."""

    held: dict[str, Lease] = field(default_factory=dict)

    async def take(self, resource: str, owner: str, ttl_s: float) -> Lease:
        lease = Lease(resource=resource, owner=owner, token=1, until=datetime.now(UTC) + timedelta(seconds=ttl_s))
        self.held[resource] = lease
        return lease

    async def take_under(self, resource: str, session: Lease) -> Lease:
        return await self.take(resource, session.owner, 3600)

    async def live(self, kind: str) -> list[Lease]:
        return [lease for name, lease in self.held.items() if name.startswith(f"{kind}:")]

    async def holds(self, lease: Lease) -> bool:
        return lease.resource in self.held

    async def release(self, lease: Lease) -> None:
        self.held.pop(lease.resource, None)


@asynccontextmanager
async def _at_work(town: Town) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(town.business, owner="bench", calls=town.calls()).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024 / 1024
