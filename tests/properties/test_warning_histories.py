"""Whatever happens to an account and its messages: each crossing is told once, and nobody goes dark unwarned (N1, N2).

Use, payments, corrections, repeated readings, channels that fail, refuse and die, deciders that come twice, and the
clock. The model knows no policy code: it reads the ledger, the outbox and what is wanted of the relay.
`CHATWATT_HISTORY_EXAMPLES` says how many histories are tried; `make histories` tries many.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.ledger import Entry
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.domain.notices import Notice, NoticeKind, NoticeState
from prepaid.domain.supply import Outcome, Reported
from prepaid.ports import Notices
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.review_supplies import review_supplies
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.recycled import Databases
from tests.unit.test_usecase_broadcast import DiesAfterOne

EXAMPLES = 2 * int(os.environ.get("CHATWATT_HISTORY_EXAMPLES", "2"))
LEAD_S = 3_600
LEVELS = (2_000_000, 1_000_000)
ACCOUNT, METER = "acc-1", "met-1"
STEPS = (*["use"] * 3, "again", "pay", "take", "give", "tell", "fail", "refuse", "die", "decide", "switch", "wait")
HISTORY = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 100)), min_size=8, max_size=30)
TROUBLES = (TryAgain("try_again.channel"), Unknown("unknown.channel"))
HOUR = timedelta(hours=1)


@dataclass
class History:
    """One flat with two people, and what came of it."""

    building: Building
    tenant: Actor
    register: int = 1_000
    paid: int = 0
    cuts: list[tuple[int, datetime]] = field(default_factory=list)
    """Generation and instant of each wish that the supply be off."""

    async def step(self, name: str, size: int) -> None:
        """One thing happens, and the clock goes on."""
        self.building.clock.advance(minutes=1 + size // 4)
        await getattr(self, f"_{name}")(size)
        await self._look()

    async def _use(self, size: int) -> None:
        self.register += size * 20
        await self._settle()

    async def _again(self, size: int) -> None:
        await asyncio.gather(*(self._settle() for _ in range(1 + size % 3)))

    async def _settle(self) -> None:
        supply = await self.building.supply(1)
        on = supply.reported.on if supply.reported else True
        reading = Reading(meter_id=METER, at=self.building.clock.now(), energy_wh=self.register, relay_on=on, power_w=1)
        await settle_readings(self.building.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))

    async def _pay(self, size: int) -> None:
        self.paid += 1
        with suppress(Refused):
            await self.building.paid(self.tenant, 1, 100 * (1 + size % 4))

    async def _take(self, size: int) -> None:
        await self._adjust(-size)

    async def _give(self, size: int) -> None:
        await self._adjust(size // 3 + 1)

    async def _adjust(self, fen: int) -> None:
        desk, key = self.building.business, f"k-{self.building.clock.now().timestamp():.0f}"
        owner = await self.building.operator(role=Role.OWNER)
        with suppress(Refused):
            await adjust(desk, owner, ACCOUNT, fen * MICRO_PER_FEN, cause=Cause.OTHER, key=key, why="test")

    async def _tell(self, size: int) -> None:
        await self._deliver(None, size)

    async def _fail(self, size: int) -> None:
        await self._deliver(TROUBLES[size % 2], size)

    async def _refuse(self, size: int) -> None:
        await self._deliver(Refused("refused.blocked"), size)

    async def _deliver(self, trouble: Exception | None, size: int) -> None:
        for _ in range(1 + size % 3):
            await deliver_notices(self.building.business, {"chat": RecordingSender(trouble=trouble)})

    async def _die(self, size: int) -> None:
        """Whoever settles, or decides, is gone after one row of the outbox; others come after."""
        real = self.building.business
        notices = cast("Notices", DiesAfterOne(real.store.notices))
        self.building.business = replace(real, store=replace(real.store, notices=notices))
        try:
            with suppress(asyncio.CancelledError, AttributeError):
                await (self._use(size) if size % 2 else decide_supply(self.building.business, ACCOUNT))
        finally:
            self.building.business = real

    async def _decide(self, size: int) -> None:
        del size
        await asyncio.gather(*(review_supplies(self.building.business) for _ in range(2)))

    async def _switch(self, size: int) -> None:
        del size
        supply = await self.building.supply(1)
        if supply.outcome is Outcome.CONFIRMED:
            return
        seen = Reported(on=supply.wanted.on, at=self.building.clock.now())
        await record_switch(self.building.business, METER, supply.wanted.generation, seen)

    async def _wait(self, size: int) -> None:
        self.building.clock.advance(minutes=size)

    async def _look(self) -> None:
        wanted = (await self.building.supply(1)).wanted
        if not wanted.on and (wanted.generation, wanted.at) not in self.cuts:
            self.cuts.append((wanted.generation, wanted.at))


def _epochs(entries: list[Entry]) -> list[tuple[datetime, datetime | None]]:
    """When each time without credit began and ended, by the ledger alone: whoever is at zero is without."""
    found: list[tuple[datetime, datetime | None]] = []
    for entry in entries:
        gone = entry.balance_micro <= 0
        if gone and (not found or found[-1][1] is not None):
            found.append((entry.at, None))
        elif not gone and found and found[-1][1] is None:
            found[-1] = (found[-1][0], entry.at)
    return found


def _fallen(entries: list[Entry]) -> int:
    """How often a warning level was passed downwards."""
    return sum(
        any(entry.balance_micro <= level < entry.balance_micro - entry.delta_micro for level in LEVELS)
        for entry in entries
    )


async def _holds(history: History) -> None:
    store = history.building.business.store
    entries = sorted(await store.ledger.latest(ACCOUNT, 500), key=lambda entry: entry.seq)
    rows = list(await store.notices.of_account(ACCOUNT, limit=500))
    low = Counter(row.person_id for row in rows if row.kind is NoticeKind.LOW_BALANCE)
    assert all(count <= _fallen(entries) for count in low.values())
    gone = [row for row in rows if row.kind is NoticeKind.BALANCE_GONE]
    credited = 1 + sum(entry.delta_micro > 0 for entry in entries)
    assert all(count <= credited for count in Counter(row.person_id for row in gone).values())
    epochs = _epochs(entries)
    for _, at in history.cuts:
        since = [began for began, ended in epochs if began <= at and (ended is None or at <= ended)]
        assert since, "cut with credit"
        told = [row for row in gone if row.at >= since[-1]]
        assert _warned(told, at), "cut without a warning of this time that had ended a lead before"


def _warned(gone: list[Notice], at: datetime) -> bool:
    """Whether everybody's warning of some crossing had been delivered, or was given up, a whole lead before."""
    crossings: dict[str, list[Notice]] = {}
    for row in gone:
        crossings.setdefault(row.id.removesuffix(row.person_id), []).append(row)
    return any(
        all(
            row.state in {NoticeState.DELIVERED, NoticeState.EXHAUSTED}
            and row.done_at is not None
            and row.done_at + timedelta(seconds=LEAD_S) <= at
            for row in told
        )
        for told in crossings.values()
    )


def drained(*middle: tuple[str, int]) -> list[tuple[str, int]]:
    """A history that surely comes to its end: credit is used up."""
    return [("use", 100), ("use", 100), ("use", 100), *middle, ("decide", 1), ("switch", 1)]


LATE = [("wait", 100), ("use", 1), ("wait", 1), ("use", 1)]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=HISTORY)
@example(steps=drained(("tell", 2), *LATE))
@example(steps=drained(("tell", 2), ("use", 1), ("wait", 5), ("use", 1), ("decide", 1), ("use", 1)))
@example(steps=drained(*LATE))
@example(steps=drained(("refuse", 2), *LATE))
@example(steps=drained(("fail", 2), *LATE, *LATE))
@example(steps=drained(("die", 1), ("die", 2), ("tell", 2), *LATE))
@example(steps=drained(("tell", 2), *LATE, ("switch", 1), ("pay", 3), ("use", 100), ("use", 100), ("tell", 1), *LATE))
def test_each_crossing_is_told_once_and_nobody_goes_dark_unwarned(
    databases: Databases, steps: list[tuple[str, int]]
) -> None:
    """N1, N2, S1: of any history."""
    asyncio.run(_lived(databases, steps))


async def _lived(databases: Databases, steps: list[tuple[str, int]]) -> History:
    database = await databases.lend()
    try:
        history = await _began(database)
        for name, size in steps:
            await history.step(name, size)
        await _holds(history)
        return history
    finally:
        await databases.take_back(database)


async def _began(database: Database) -> History:
    building = await build(database, ManualClock(), warning_lead_s=LEAD_S)
    policy = replace(building.site.policy, low_balance_micro=LEVELS)
    building.site = replace(building.site, policy=policy)
    await building.business.store.sites.save_site(building.site)
    tenant = await building.flat(1, balance_micro=3_000_000)
    mate = await building.business.store.people.at("chat", "mate", language="en")
    await building.business.store.people.bind(mate.id, ACCOUNT)
    history = History(building=building, tenant=tenant)
    await history._use(1)
    return history


def test_a_history_that_ends_in_the_dark_is_among_them(databases: Databases) -> None:
    """The property is of something: who was warned and does not pay is cut, who was not is not."""
    warned = asyncio.run(_lived(databases, drained(("tell", 2), *LATE)))
    assert len(warned.cuts) == 1
    unwarned = asyncio.run(_lived(databases, drained(*LATE)))
    assert unwarned.cuts == []
