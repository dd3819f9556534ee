"""Leases of the real store: one session keeps many resources, and with it all of them are free at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prepaid.ports import Lease
from prepaid.storage.driver import Database
from prepaid.storage.leases import MongoLeases
from tests.fakes.clock import ManualClock

TTL_S = 6.0


@pytest.fixture
def leases(database: Database, clock: ManualClock) -> MongoLeases:
    """An empty table."""
    return MongoLeases(database, clock)


async def session(leases: MongoLeases, name: str) -> Lease:
    """A live session."""
    lease = await leases.take(f"worker:{name}", name, TTL_S)
    assert lease is not None
    return lease


async def test_what_is_taken_under_a_session_lives_as_long_as_it(leases: MongoLeases, clock: ManualClock) -> None:
    """S6: renewing the session renews everything; when it runs out another one takes it with a higher token."""
    one, two = await session(leases, "one"), await session(leases, "two")
    held = await leases.take_under("gateway:g1", one)
    assert held is not None
    assert await leases.take_under("gateway:g1", one) == held
    for _ in range(3):
        clock.advance(seconds=4)
        one, two = await session(leases, "one"), await session(leases, "two")
        assert await leases.take_under("gateway:g1", two) is None
        assert await leases.holds(held)
    clock.advance(seconds=4)
    two = await session(leases, "two")
    clock.advance(seconds=4)
    assert not await leases.holds(held)
    taken = await leases.take_under("gateway:g1", two)
    assert taken is not None
    assert taken.token == held.token + 1


async def test_a_session_that_ran_out_gets_nothing_back(leases: MongoLeases, clock: ManualClock) -> None:
    """S6, F3: the owner slept; when it wakes its session is a new one, and what it held is not its own."""
    held = await leases.take_under("gateway:g1", await session(leases, "one"))
    assert held is not None
    clock.advance(seconds=TTL_S + 1)
    again = await session(leases, "one")
    assert again.token == 2
    assert not await leases.holds(held)
    assert await leases.live("gateway") == []
    fresh = await leases.take_under("gateway:g1", again)
    assert fresh is not None
    assert fresh.token == held.token + 1


async def test_everybody_sees_who_lives_and_who_has_what(leases: MongoLeases, clock: ManualClock) -> None:
    """S6: the shares of gateways come from this; giving one back, or a whole session, frees it at once."""
    one, two = await session(leases, "one"), await session(leases, "two")
    for number in range(4):
        await leases.take_under(f"gateway:g{number}", one if number % 2 else two)
    assert [lease.owner for lease in await leases.live("worker")] == ["one", "two"]
    owners = {lease.resource: lease.owner for lease in await leases.live("gateway")}
    assert owners == {"gateway:g0": "two", "gateway:g1": "one", "gateway:g2": "two", "gateway:g3": "one"}
    (first, *_) = await leases.live("gateway")
    await leases.release(first)
    await leases.release(one)
    assert [lease.resource for lease in await leases.live("gateway")] == ["gateway:g2"]
    assert (await leases.live("gateway"))[0].until - clock.now() == timedelta(seconds=TTL_S)
