"""Two worker processes over real stores, one killed, one put to sleep: buses change hands and are never shared."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from bench._estate import PROFILE, SITE_PATH, Flat, add_flat, add_gateways, add_site, flats
from chatwatt.clock import SystemClock
from chatwatt.embedded import StoreUris
from meters.profiles import load_profile
from prepaid.domain.access import Actor, Grant, Role
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.storage.mongo import open_store
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.wakeups import RedisWakeups
from prepaid.usecases.ask_field import Scanned, scan_gateway
from prepaid.usecases.switch_supply import switch_supply
from sandbox.meters import SandboxGateway
from tests.fakes.bus_worker import BusWorker, bus_worker, until, until_it

pytestmark = pytest.mark.slow

GATEWAYS = 4
METERS = 2
OPERATOR = Actor(id="op", grants=(Grant(Role.OWNER, SITE_PATH),))
SHARED_S_MAX = 10.0
"""From a join, a leave or a death until the shares are even again."""
RESUMED_S_MAX = 15.0
START_S_MAX = 20.0
"""Until a new process is awake, on a busy machine."""


def busy() -> float:
    """How many want each core: what a quiet machine does in a time takes so many times as long."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Estate:
    """The field and the business over it, as the test's own process sees them."""

    business: Business
    field: Sequence[SandboxGateway]
    homes: Sequence[Flat]

    async def owners(self) -> Counter[str]:
        """How many gateways each live worker has, by the name it was started with."""
        leases = await self.business.store.leases.live("gateway")
        return Counter(lease.owner.split(":")[0] for lease in leases)

    async def until_shared(self, shares: dict[str, int], *, within_s: float) -> None:
        """Waits for exactly these shares."""

        async def shared() -> bool:
            return await self.owners() == shares

        await until_it(shared, within_s=within_s * busy())

    def reads(self) -> list[int]:
        """Transactions of each bus so far."""
        return [gateway.counts.transactions for gateway in self.field]

    async def until_all_read(self, more_than: list[int], *, within_s: float) -> None:
        """Waits until each bus has been spoken on since."""
        await until(
            lambda: all(now > before + METERS for now, before in zip(self.reads(), more_than, strict=True)),
            within_s=within_s * busy(),
        )

    async def switch(self, *, on: bool) -> None:
        """Everybody, by hand."""
        for flat in self.homes:
            await switch_supply(self.business, OPERATOR, flat.account_id, on=on, reason="test")

    async def until_switched(self, *, on: bool, within_s: float) -> None:
        """Waits for the contacts themselves."""
        meters = [meter for gateway in self.field for meter in gateway.meters]
        await until(lambda: all(meter.relay_closed is on for meter in meters), within_s=within_s * busy())

    async def scan_under_way(self, owner: str) -> asyncio.Task[Scanned]:
        """Begins a scan of a bus of this worker; returns when it is in the middle of it."""
        leases = await self.business.store.leases.live("gateway")
        gateway_id = next(lease.resource for lease in leases if lease.owner.startswith(f"{owner}:")).split(":", 1)[1]
        bus = self.field[int(gateway_id.removeprefix("gw-"))]
        bus.faults.timeout_s = 0.5
        scan = scan_gateway(self.business, OPERATOR, gateway_id, first=1, last=6, profiles=(PROFILE,), within_s=90)
        task = asyncio.create_task(scan)
        await until(lambda: any(unit > METERS for unit, _ in bus.counts.asked), within_s=30)
        return task

    def writes(self) -> set[int]:
        """How often a meter was commanded."""
        return {meter.writes for gateway in self.field for meter in gateway.meters}


@asynccontextmanager
async def estate(database: Database, redis_url: str) -> AsyncIterator[Estate]:
    """Four buses of two meters, everybody in credit."""
    clock = SystemClock()
    store = await open_store(database, clock)
    redis = connect_redis(redis_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        wakeups = await stack.enter_async_context(RedisWakeups(redis))
        business = Business(store=store, clock=clock, wakeups=wakeups, providers={})
        field = []
        for _ in range(GATEWAYS):
            gateway = SandboxGateway(profile=load_profile(PROFILE), units=range(1, METERS + 1), baud=0)
            await gateway.start()
            stack.push_async_callback(gateway.stop)
            field.append(gateway)
        # All of them come back at once: restores that wait for their turn would take up to a minute by rule.
        await add_site(business, operations_a_day=100, no_off_after_on_s=0, restores_at_once=GATEWAYS * METERS)
        await add_gateways(business, [gateway.port for gateway in field])
        homes = flats(GATEWAYS, METERS)
        for flat in homes:
            await add_flat(business, flat, balance_micro=50_000_000, on=True, poll_every_s=1)
        yield Estate(business, field, homes)


async def test_buses_change_hands_and_are_never_shared(
    shared_database: Database, store_uris: StoreUris, redis_url: str
) -> None:
    """S5, S6, F3: SIGKILL and SIGSTOP of an owner: one master a bus, one write an order, reads again within 15 s."""
    async with AsyncExitStack() as stack, estate(shared_database, redis_url) as place:

        async def start(name: str) -> BusWorker:
            return await stack.enter_async_context(bus_worker(store_uris, redis_url, shared_database.name, name))

        first, second = await asyncio.gather(start("first"), start("second"))
        await place.until_shared({"first": 2, "second": 2}, within_s=START_S_MAX + SHARED_S_MAX)

        scan = await place.scan_under_way("first")
        await place.switch(on=False)
        await first.kill()
        killed_at = place.reads()
        third = await start("third")
        await place.until_all_read(killed_at, within_s=RESUMED_S_MAX)
        await place.until_switched(on=False, within_s=SHARED_S_MAX)
        assert [seen.unit for seen in (await scan).seen] == [1, 2]
        assert place.writes() == {1}
        await place.until_shared({"second": 2, "third": 2}, within_s=SHARED_S_MAX + START_S_MAX)

        second.stop()
        stopped_at = place.reads()
        await place.switch(on=True)
        await place.until_all_read(stopped_at, within_s=RESUMED_S_MAX)
        await place.until_switched(on=True, within_s=SHARED_S_MAX)
        second.go_on()
        await place.until_shared({"second": 2, "third": 2}, within_s=SHARED_S_MAX)
        assert place.writes() == {2}
        assert third.process.returncode is None
        for gateway in place.field:
            masters = gateway.counts.spoke
            assert len(set(masters)) == len(masters), masters
