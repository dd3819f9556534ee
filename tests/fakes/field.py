"""A small business in memory for one real bus owner on a simulated gateway: what is wanted, and what it was told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from meters.calls import Calls
from meters.lines import BusSettings
from meters.owner import Owner
from meters.profiles import load_profile
from prepaid.domain.errors import TryAgain
from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest
from prepaid.domain.metering import Gateway, Meter, Reading, Sweep
from prepaid.domain.supply import Outcome, Reported, Supply, SupplyPolicy, Wanted
from prepaid.ports import Business
from prepaid.usecases.views import BusPlan
from sandbox.meters import SandboxBoard, SandboxGateway
from sandbox.meters_wire import Framing

PROFILE = "hiking_dds238_2_zn_sr"
QUICK = BusSettings(
    reply_timeout_s=0.3,
    retry_s=0.05,
    backoff_first_s=0.1,
    backoff_most_s=0.5,
    reconnect_first_s=0.05,
    reconnect_most_s=0.2,
    connect_timeout_s=1.0,
)


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The loop's seconds."""
        return asyncio.get_running_loop().time()


class LocalWakeups:
    """Wake-ups within one process."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()

    async def wake(self, topic: str) -> None:
        """Wakes everybody."""
        del topic
        for event in self._events:
            event.set()

    @asynccontextmanager
    async def waiter(self, *topics: str) -> AsyncIterator[LocalWakeups.Waiter]:
        """A waiter."""
        del topics
        event = asyncio.Event()
        self._events.add(event)
        try:
            yield LocalWakeups.Waiter(event)
        finally:
            self._events.discard(event)

    class Waiter:
        """Waits for one event."""

        def __init__(self, event: asyncio.Event) -> None:
            self._event = event

        async def wait(self, timeout_s: float) -> bool:
            """True when woken."""
            try:
                async with asyncio.timeout(timeout_s):
                    await self._event.wait()
            except TimeoutError:
                return False
            self._event.clear()
            return True


@dataclass(slots=True)
class Field:
    """What the business knows and heard."""

    gateway: Gateway
    sandbox: SandboxGateway
    meters: dict[str, Meter]
    supplies: dict[str, Supply]
    clock: WallClock = field(default_factory=WallClock)
    wakeups: LocalWakeups = field(default_factory=LocalWakeups)
    sweeps: list[Sweep] = field(default_factory=list)
    records: list[tuple[str, int, bool | None]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What was found that nobody had ordered."""
    policy: SupplyPolicy = field(default_factory=SupplyPolicy)
    restores_open: int = 0
    near_zero: dict[str, int] = field(default_factory=dict)
    store_away: bool = False
    forbidden: bool = False
    may_send: bool = True
    ttl_s: int = 60
    looks: int = 0
    errands: list[FieldRequest] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def business(self) -> Business:
        """Only the clock and the wake-ups are asked for by an owner."""
        return cast("Business", SimpleNamespace(clock=self.clock, wakeups=self.wakeups, trust=None))

    @property
    def readings(self) -> list[Reading]:
        """All that was settled."""
        return [reading for sweep in self.sweeps for reading in sweep.readings]

    async def want(self, meter_id: str, *, on: bool) -> int:
        """A newer wanted state; returns its generation."""
        supply = self.supplies[meter_id]
        wanted = Wanted(on=on, generation=supply.wanted.generation + 1, at=self.clock.now())
        self.supplies[meter_id] = replace(supply, wanted=wanted, outcome=Outcome.PENDING)
        await self.wakeups.wake("")
        return wanted.generation

    async def until(self, true: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Returns when something that the business heard has made it true."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(true)

    def calls(self) -> Calls:
        """This business in place of the use cases."""
        return Calls(
            bus_plan=self._plan,
            settle_readings=self._settle,
            may_switch=self._may_switch,
            record_switch=self._record,
            relay_moved=lambda _, meter_id, __, ___: self._told(f"moved {meter_id}"),
            relay_bypassed=lambda _, meter_id, __: self._told(f"bypassed {meter_id}"),
            recuts_held=lambda _, __, ___: self._told("recuts held"),
            take_field=self._take_errand,
            answer_field=self._answer_errand,
            gateway_lost=lambda _, __: self._link("lost"),
            gateway_found=lambda _, __: self._link("found"),
        )

    def owner(self, settings: BusSettings = QUICK) -> Owner:
        """A real owner for the simulated gateway."""

        async def ours() -> bool:
            return self.may_send

        return Owner(
            self.business,
            self.gateway,
            calls=self.calls(),
            settings=settings,
            may_send=lambda: self.may_send,
            still_ours=ours,
        )

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _plan(self, _: Any, __: str) -> BusPlan:
        return BusPlan(
            gateway=self.gateway,
            meters=tuple(self.meters.values()),
            supplies=dict(self.supplies),
            command_ttl_s=self.ttl_s,
            policy=self.policy,
            restores_open=self.restores_open,
            near_zero=self.near_zero,
        )

    async def _settle(self, _: Any, sweep: Sweep) -> None:
        if self.store_away:
            raise TryAgain("try_again.store")
        self.sweeps.append(sweep)
        for reading in sweep.readings:
            supply = self.supplies[reading.meter_id]
            if reading.relay_on is not None and (supply.reported is None or supply.reported.at < reading.at):
                seen = Reported(on=reading.relay_on, at=reading.at)
                self.supplies[reading.meter_id] = replace(supply, reported=seen)
        await self._tell()

    async def _may_switch(self, _: Any, meter_id: str, generation: int, *, on: bool) -> bool:
        self.looks += 1
        await self._tell()
        if self.store_away:
            raise TryAgain("try_again.store")
        wanted = self.supplies[meter_id].wanted
        return not self.forbidden and (wanted.generation, wanted.on) == (generation, on)

    async def _record(self, _: Any, meter_id: str, generation: int, reported: Reported | None) -> None:
        if self.store_away:
            raise TryAgain("try_again.store")
        supply = self.supplies[meter_id]
        self.records.append((meter_id, generation, None if reported is None else reported.on))
        if generation == supply.wanted.generation:
            good = reported is not None and reported.on == supply.wanted.on
            outcome = Outcome.CONFIRMED if good else Outcome.UNCONFIRMED
            self.supplies[meter_id] = replace(supply, reported=reported or supply.reported, outcome=outcome)
        await self._tell()

    async def errand(
        self, kind: FieldKind, *profiles: str, units: tuple[int, int], within_s: float = 30, **more: Any
    ) -> Answer:
        """Asks the owner something and waits for its answer."""
        now, number = self.clock.now(), secrets.token_hex(4)
        request = FieldRequest(
            id=number,
            number=number,
            gateway_id=self.gateway.id,
            kind=kind,
            asked_by="op",
            asked_at=now,
            expires_at=now + timedelta(seconds=within_s),
            first_unit=units[0],
            last_unit=units[1],
            profiles=profiles or (PROFILE,),
            **more,
        )
        self.errands.append(request)
        await self.wakeups.wake("")
        await self.until(lambda: number in self.answers, timeout_s=60)
        return self.answers[number]

    async def _take_errand(self, _: Any, __: str, kinds: tuple[FieldKind, ...], ___: str) -> FieldRequest | None:
        taken = next((request for request in self.errands if request.kind in kinds), None)
        if taken is not None:
            self.errands.remove(taken)
        return taken

    async def _answer_errand(self, _: Any, request: FieldRequest, __: str, answer: Answer) -> None:
        self.answers[request.number] = answer
        await self._tell()

    async def _told(self, what: str) -> None:
        self.told.append(what)
        await self._tell()

    async def _link(self, what: str) -> None:
        self.links.append(what)
        await self._tell()


def known_on(meter_id: str) -> Supply:
    """A supply that is on, wanted on, and confirmed."""
    now = datetime.now(UTC)
    return Supply(
        meter_id=meter_id,
        account_id="a1",
        site_id="s1",
        gateway_id="g1",
        path="/s1",
        wanted=Wanted(at=now),
        reported=Reported(on=True, at=now),
        outcome=Outcome.CONFIRMED,
    )


@asynccontextmanager
async def running_field(
    *,
    units: int = 3,
    framing: Framing = "mbap",
    baud: int = 0,
    poll_every_s: int = 1,
    settings: BusSettings = QUICK,
    profile: str = PROFILE,
    board: SandboxBoard | None = None,
) -> AsyncIterator[Field]:
    """A simulated gateway with meters m1.. and its owner at work. A board switches each by the relay of its number."""
    sandbox = SandboxGateway(profile=load_profile(profile), units=range(1, units + 1), baud=baud, framing=framing)
    if board is not None:
        sandbox.add(board)
        for unit in range(1, units + 1):
            board.wire(unit, sandbox.meter(unit))
    port = await sandbox.start()
    transport = "tcp" if framing == "mbap" else "rtu_tcp"
    gateway = Gateway(id="g1", site_id="s1", transport=transport, host="127.0.0.1", port=port, baud=baud or 9600)
    meters = {
        f"m{unit}": Meter(
            id=f"m{unit}",
            site_id="s1",
            path="/s1",
            gateway_id="g1",
            unit=unit,
            profile=profile,
            poll_every_s=poll_every_s,
            board=board.board.name if board else "",
            board_unit=board.unit if board else 0,
            board_channel=unit if board else 0,
        )
        for unit in range(1, units + 1)
    }
    known = Field(gateway, sandbox, meters, {meter_id: known_on(meter_id) for meter_id in meters})
    task = asyncio.create_task(known.owner(settings).run())
    try:
        yield known
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sandbox.stop()
