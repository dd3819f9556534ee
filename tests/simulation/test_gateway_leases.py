"""Workers, leases and gateways: one owner at a time, and none while the lease is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from meters.worker import Worker
from prepaid.domain.errors import TryAgain
from prepaid.ports import Business, Lease
from tests.fakes.field import QUICK, Field, WallClock, running_field

LEASE_S = 0.9


@dataclass(slots=True)
class MemoryLeases:
    """Leases in memory, which can be away."""

    clock: WallClock = field(default_factory=WallClock)
    now: dict[str, Lease] = field(default_factory=dict)
    under: dict[str, Lease] = field(default_factory=dict)
    tokens: int = 0
    away: bool = False

    async def take(self, resource: str, owner: str, ttl_s: float) -> Lease | None:
        """Takes, renews, or None."""
        if self.away:
            raise TryAgain("try_again.store")
        held, at = self.now.get(resource), self.clock.now()
        if held is not None and held.owner != owner and held.until > at:
            return None
        ours = held is not None and held.owner == owner and held.until > at
        self.tokens += not ours
        token = held.token if held is not None and ours else self.tokens
        lease = Lease(resource=resource, owner=owner, token=token, until=at + timedelta(seconds=ttl_s))
        self.now[resource] = lease
        return lease

    async def take_under(self, resource: str, session: Lease) -> Lease | None:
        """Takes what belongs to no live session."""
        if self.away:
            raise TryAgain("try_again.store")
        if resource in self.now and self._lives(self.now[resource]) and self.under[resource] != session:
            return None
        self.tokens += 1
        lease = Lease(resource=resource, owner=session.owner, token=self.tokens, until=session.until)
        self.now[resource], self.under[resource] = lease, session
        return lease

    async def live(self, kind: str) -> list[Lease]:
        """What is in force."""
        if self.away:
            raise TryAgain("try_again.store")
        return [lease for name, lease in self.now.items() if name.startswith(f"{kind}:") and self._lives(lease)]

    def owner(self, resource: str) -> str:
        """Who has it now, without the number of the process."""
        lease = self.now.get(resource)
        return lease.owner.split(":")[0] if lease is not None and self._lives(lease) else ""

    def _lives(self, lease: Lease) -> bool:
        session = self.under.get(lease.resource)
        if session is None:
            return lease.until > self.clock.now()
        keeper = self.now.get(session.resource)
        return keeper is not None and keeper.token == session.token and keeper.until > self.clock.now()

    async def release(self, lease: Lease) -> None:
        """Gives it back."""
        self.now.pop(lease.resource, None)

    async def holds(self, lease: Lease) -> bool:
        """Whether it still stands."""
        held = self.now.get(lease.resource)
        return held is not None and held.token == lease.token and self._lives(held)


def business_of(known: Field, leases: MemoryLeases) -> Business:
    """What a worker needs of the store."""

    async def gateways() -> list[object]:
        return [known.gateway]

    store = SimpleNamespace(leases=leases, sites=SimpleNamespace(gateways=gateways))
    return cast("Business", SimpleNamespace(clock=known.clock, wakeups=known.wakeups, store=store, trust=None))


@asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[asyncio.Event]:
    """A worker until it is told to stop, and its end awaited."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def worker_of(known: Field, leases: MemoryLeases, name: str) -> Worker:
    """A worker with short leases."""
    business = business_of(known, leases)
    return Worker(business, owner=name, calls=known.calls(), settings=lambda _: QUICK, lease_s=LEASE_S, margin_s=0.1)


async def test_a_second_worker_takes_over_when_the_first_ends() -> None:
    """S6: two workers, one bus: the second waits for the lease, and owns the bus when it is given back."""
    async with running_field() as known:
        known.may_send = False  # The field's own owner keeps still; the workers are under test.
        leases = MemoryLeases()
        settled = len(known.readings)
        async with at_work(worker_of(known, leases, "w1")) as stop:
            await known.until(lambda: len(known.readings) > settled)
            async with at_work(worker_of(known, leases, "w2")):
                await known.until(lambda: len(known.readings) > settled + 3)
                assert leases.owner("gateway:g1") == "w1"
                stop.set()
                await known.until(lambda: leases.owner("gateway:g1") == "w2")
                settled = len(known.readings)
                await known.until(lambda: len(known.readings) > settled)


async def test_a_worker_that_cannot_renew_stops_before_its_lease_ends() -> None:
    """S7: the store is away: when the lease comes into doubt no frame leaves any more, and none of a command."""
    async with running_field() as known:
        known.may_send = False
        leases = MemoryLeases()
        settled = len(known.readings)
        async with at_work(worker_of(known, leases, "w1")):
            await known.until(lambda: len(known.readings) > settled)
            leases.away = True
            meter = known.sandbox.meter(1)
            with pytest.raises(TimeoutError):
                await meter.wait_relay(closed=False, timeout_s=LEASE_S)
            asked = known.sandbox.counts.transactions
            await known.want("m1", on=False)
            with pytest.raises(TimeoutError):
                await meter.wait_relay(closed=False, timeout_s=1.5)
            assert known.sandbox.counts.transactions == asked
            leases.away = False
            await meter.wait_relay(closed=False, timeout_s=5)
