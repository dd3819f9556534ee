"""Whatever registers do, what is billed is what they counted: random histories through the real use cases."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatwatt.embedded import StoreUris
from prepaid.domain.access import CLOCK, Actor
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.registers import Decision
from prepaid.storage.driver import Database, DriverName, connect
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.decide_held_reading import decide_held_reading
from prepaid.usecases.replace_meter import NewDevice, replace_meter
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, Building, build
from tests.fakes.clock import ManualClock

WIDTH_WH = 1_000_000
STEP = st.integers(min_value=0, max_value=300)
HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("use"), STEP),
        st.tuples(st.just("roll_over"), STEP),
        st.tuples(st.just("reset"), STEP),
        st.tuples(st.just("replace"), STEP),
        st.tuples(st.just("swap"), st.integers(min_value=0, max_value=WIDTH_WH - 1_000)),
        st.tuples(st.just("glitch"), st.integers(min_value=5_000, max_value=500_000)),
        st.tuples(st.just("jump"), st.integers(min_value=5_000, max_value=200_000)),
    ),
    min_size=1,
    max_size=8,
)
UNITS = count(1)


@dataclass
class Device:
    """The model: what the register shows, and how much of it ought to be billed. Knows nothing of offsets."""

    building: Building
    unit: int
    admin: Actor
    register_wh: int = 500_000
    due_wh: int = 0
    serial: str = "s0"
    serials: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def meter_id(self) -> str:
        """The meter's place."""
        return f"met-{self.unit}"

    async def show(self, register_wh: int) -> None:
        """One sweep in which the device shows this."""
        self.building.clock.advance(seconds=60)
        reading = Reading(
            meter_id=self.meter_id, at=self.building.clock.now(), energy_wh=register_wh, serial=self.serial
        )
        await settle_readings(self.building.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))

    async def decide(self, decision: Decision) -> None:
        """The admin's word, and a sweep after it."""
        await decide_held_reading(
            self.building.business, self.admin, self.meter_id, decision, "seen", wraps_wh=WIDTH_WH
        )
        await self.show(self.register_wh)

    async def use(self, step: int) -> None:
        """The register counts, unless it would pass its end."""
        step = min(step, WIDTH_WH - 1 - self.register_wh)
        self.register_wh += step
        self.due_wh += step
        await self.show(self.register_wh)

    async def roll_over(self, step: int) -> None:
        """From just before the end past it: a jump first, which is a replacement by a nearly full register."""
        await self.swap(WIDTH_WH - 100)
        await self.use(min(step, 99))
        self.register_wh = (self.register_wh + 150) % WIDTH_WH
        self.due_wh += 150
        await self.show(self.register_wh)
        await self.decide(Decision.REJECT)
        await self.decide(Decision.ROLL_OVER)

    async def reset(self, step: int) -> None:
        """Counts from nought; what it counted before it was seen again is the gap, which is not billed."""
        if self.register_wh <= step:
            return
        self.register_wh = step
        await self.show(step)
        await self.show(step)
        await self.decide(Decision.RESET)

    async def replace(self, step: int) -> None:
        """A planned replacement with both registers read."""
        final = min(self.register_wh + step, WIDTH_WH - 1)
        self.due_wh += final - self.register_wh
        self.building.clock.advance(seconds=60)
        self.serial, self.register_wh = f"s{next(self.serials)}", step
        device = NewDevice(serial=self.serial, first_wh=step, wraps_wh=WIDTH_WH)
        await replace_meter(self.building.business, self.admin, self.meter_id, device, "planned", final_wh=final)
        await self.use(7)

    async def swap(self, first_wh: int) -> None:
        """Somebody put in another device and told nobody: its serial number gives it away."""
        self.serial, self.register_wh = f"s{next(self.serials)}", first_wh
        await self.show(first_wh)
        await self.decide(Decision.REPLACEMENT)

    async def glitch(self, leap: int) -> None:
        """One reading out of the blue, and then the truth again."""
        await self.show(self.register_wh + leap)
        await self.use(10)

    async def jump(self, leap: int) -> None:
        """The register really did go that far, and an admin confirms it."""
        if self.register_wh + leap >= WIDTH_WH:
            return
        self.register_wh += leap
        self.due_wh += leap
        await self.show(self.register_wh)
        await self.decide(Decision.ACCEPT)


async def live(building: Building, history: list[tuple[str, int]]) -> Device:
    """One meter's life."""
    unit = next(UNITS)
    await building.flat(unit)
    admin = await building.operator()
    device = Device(building, unit, admin)
    meter = await building.business.store.meters.get(device.meter_id)
    assert meter is not None
    await device.show(device.register_wh)
    await replace_serial(device)
    for event, figure in history:
        await getattr(device, event)(figure)
    await device.show(device.register_wh)
    return device


async def replace_serial(device: Device) -> None:
    """Binds the first device's number."""
    change = NewDevice(serial=device.serial, first_wh=device.register_wh, wraps_wh=WIDTH_WH)
    await replace_meter(device.building.business, device.admin, device.meter_id, change, "commissioned")


async def check(device: Device) -> None:
    """Contiguous, complete, and the ledger whole."""
    store = device.building.business.store
    found = await store.ledger.latest(f"acc-{device.unit}", 100)
    refs = [entry.ref for entry in reversed(found) if "from_wh" in entry.ref]
    assert all(a["to_wh"] == b["from_wh"] and a["to_at"] == b["from_at"] for a, b in pairwise(refs))
    assert sum(int(ref["to_wh"]) - int(ref["from_wh"]) for ref in refs) == device.due_wh
    meter = await store.meters.get(device.meter_id)
    assert meter is not None
    assert (meter.held, meter.doubt) == (0, None)
    changes = await store.registers.changes(device.meter_id)
    assert [change.epoch for change in changes] == list(range(1, len(changes) + 1))
    assert all(change.applied for change in changes)


@pytest.fixture
def rig(store_uris: StoreUris, driver_name: DriverName) -> Iterator[tuple[asyncio.Runner, Building]]:
    """One loop and one building for all examples, so that the store's connections live through them."""

    async def open_database() -> Database:
        return connect(store_uris.mongodb_uri, f"test_{secrets.token_hex(6)}", driver=driver_name)

    with asyncio.Runner() as runner:
        database = runner.run(open_database())
        yield runner, runner.run(build(database, ManualClock()))
        runner.run(database.close())


def test_what_is_billed_is_what_the_registers_counted(rig: tuple[asyncio.Runner, Building]) -> None:
    """M11, S10: last register minus first, in contiguous intervals, across every roll-over, reset and replacement."""
    runner, building = rig

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(HISTORY)
    def every(history: list[tuple[str, int]]) -> None:
        device = runner.run(live(building, history))
        runner.run(check(device))

    every()
    assert runner.run(audit_ledger(building.business, CLOCK)).clean
