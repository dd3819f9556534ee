"""Brings relays to the state that is wanted. Level-triggered: it compares, acts, reads back, and compares again.

Before a frame leaves, the facts are looked at once more (`may_switch`); what the relay did is only what the read-back
says (S4). When a write is not answered the relay is read before anything is written again. One command is in flight for
a meter; a newer generation waits for it and then wins, and results of older ones change nothing (S6). A restart, or an
outage, means comparing again (S13).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

import structlog

from meters.bus import Bus
from meters.cases import LOOKS, Case, Load, contact_of, restore_of
from meters.jobs import Priority
from meters.links.errors import LinkDown
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Reported, Supply, SupplyPolicy, Wanted
from prepaid.ports import Clock
from prepaid.usecases.views import BusPlan

log = structlog.get_logger()

READ_BACK_TRIES = 2
"""A relay that does not show the new state at once is read once more: some meters lag."""
MOVING_S = 1.0
"""Between two looks at a valve that moves."""
HOUR_S = 3600.0
GLANCE_S = 10.0
"""Relays that no poll tells of are looked at no more often than this: it costs a transaction."""


def told(trouble: Trouble) -> dict[str, object]:
    """A trouble as fields of a log line."""
    return {"trouble": trouble.key, "of": trouble.params}


class Switchboard(Protocol):
    """The business as the reconciler sees it."""

    async def may_switch(self, meter_id: str, generation: int, *, on: bool) -> bool:
        """Whether the switch is still right; raises `TryAgain` in doubt."""

    async def record_switch(self, meter_id: str, generation: int, reported: Reported | None) -> None:
        """Stores what the relay said, or that it could not be asked."""

    async def relay_moved(self, meter_id: str, generation: int, reported: Reported) -> None:
        """A confirmed relay was found in the other state."""

    async def relay_bypassed(self, meter_id: str, generation: int) -> None:
        """A load flows though the relay says that it is off."""

    async def recuts_held(self, meter_id: str, generation: int) -> None:
        """Too many relays would be cut again at once."""


class Reconciler:
    """The wanted and the seen states of one bus."""

    def __init__(self, bus: Bus, switchboard: Switchboard, clock: Clock) -> None:
        self._bus = bus
        self._switchboard = switchboard
        self._clock = clock
        self._cases: dict[str, Case] = {}
        self._policy = SupplyPolicy()
        self._restores_open = 0
        self._ttl_s = 0.0
        self._recuts: deque[float] = deque()
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._unusable: set[str] = set()
        self._reports: asyncio.TaskGroup | None = None

    def update(self, plan: BusPlan) -> None:
        """A fresh plan. What is known of relays that are still there stays known."""
        self._ttl_s, self._policy, self._restores_open = float(plan.command_ttl_s), plan.policy, plan.restores_open
        cases: dict[str, Case] = {}
        for meter in plan.meters:
            supply = plan.supplies.get(meter.id)
            case = self._case(meter, supply) if supply is not None else None
            if case is not None:
                cases[meter.id] = case
        self._cases = cases
        self._stirred.set()

    def saw(self, meter_id: str, reported: Reported) -> None:
        """What a poll saw of a relay."""
        case = self._cases.get(meter_id)
        if case is None:
            return
        was = case.differs
        case.see(reported)
        if case.differs and not was:
            if case.was_confirmed and not case.busy:
                wanted = case.supply.wanted
                self._report(self._switchboard.relay_moved(meter_id, wanted.generation, reported))
            self._stirred.set()
        elif not case.settled:
            self._stirred.set()

    def saw_load(self, meter_id: str, *, energy_wh: int | None, power_w: int | None, current_ma: int | None) -> None:
        """What a poll says of the load: after a cut it must be gone, whatever the relay says of itself (S4)."""
        case = self._cases.get(meter_id)
        if case is None or case.busy or case.supply.wanted.on or case.seen is None or case.seen.on:
            return
        case.load = case.load or Load()
        case.load.see(energy_wh, power_w, current_ma)
        if case.load.flowing >= LOOKS and not case.load.told:
            case.load.told = True
            self._report(self._switchboard.relay_bypassed(meter_id, case.supply.wanted.generation))
        elif case.load.still >= LOOKS and case.proved_elsewhere:
            case.next_at = 0.0
            self._stirred.set()

    def relay_state(self, meter_id: str) -> bool | None:
        """What was last seen of a relay that a poll of its meter does not tell."""
        case = self._cases.get(meter_id)
        return case.seen.on if case is not None and case.seen is not None and not case.contact.in_poll else None

    def hurry(self) -> None:
        """The gateway is back: whatever waited for its next try is tried now."""
        for case in self._cases.values():
            case.next_at = 0.0
        self._stirred.set()

    async def run(self) -> None:
        """Closes gaps until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._reports = tasks
            while True:
                self._stirred.clear()
                now = self._loop.time()
                self._start_looks(tasks, now)
                open_cases = [case for case in self._cases.values() if self._open(case)]
                for case in open_cases:
                    if case.next_at <= now:
                        case.busy = True
                        tasks.create_task(self._try(case))
                await self._pause(min((c.next_at - now for c in open_cases if c.next_at > now), default=1.0))

    def _open(self, case: Case) -> bool:
        if case.busy or case.settled or case.waits:
            return False
        return not case.proved_elsewhere or (case.load is not None and case.load.still >= LOOKS)

    def _start_looks(self, tasks: asyncio.TaskGroup, now: float) -> None:
        """Relays that no poll tells of are looked at as often as their meters are read."""
        for case in self._cases.values():
            if case.contact.in_poll or case.busy or now - case.looked_at < max(GLANCE_S, case.meter.poll_every_s):
                continue
            if case.settled or case.waits:
                case.looked_at = now
                tasks.create_task(self._glance(case))

    async def _glance(self, case: Case) -> None:
        unit, back = case.contact.unit, case.contact.switch.read_back
        try:
            reply = await self._bus.read(unit, back.request, priority=Priority.ON_DEMAND)
        except Trouble:
            return  # The board is looked at again, and its meter's own silence is told elsewhere.
        state = back.state_in(reply)
        if state is not None and not case.busy:
            self.saw(case.meter.id, Reported(on=state, at=self._clock.now()))

    async def _pause(self, left_s: float) -> None:
        try:
            async with asyncio.timeout(left_s):
                await self._stirred.wait()
        except TimeoutError:
            return

    def _report(self, telling: Coroutine[None, None, None]) -> None:
        """Tells the business without holding up the bus."""

        async def tell() -> None:
            try:
                await telling
            except Trouble as doubt:
                log.warning("relay_not_reported", **told(doubt))

        if self._reports is None:
            telling.close()
        else:
            self._reports.create_task(tell())

    def _case(self, meter: Meter, supply: Supply) -> Case | None:
        case = self._cases.get(meter.id)
        if case is None or _place(case.meter) != _place(meter):
            try:
                contact = contact_of(meter)
            except Refused as refused:
                if meter.id not in self._unusable:
                    self._unusable.add(meter.id)
                    log.warning("relay_unusable", meter=meter.id, **told(refused))
                return None
            if contact is None:
                return None
            case = Case(meter, contact, supply, restore_of(contact.switch, self._policy))
            case.see(supply.reported, stored=True)
            self._stagger(case)
        if supply.wanted.generation > case.supply.wanted.generation:
            case.tries, case.next_at, case.load = 0, 0.0, None
            case.supply = supply
            self._stagger(case)
        elif supply.wanted.generation == case.supply.wanted.generation:
            if supply.safe_generation != case.supply.safe_generation:
                case.next_at = 0.0
            case.supply = supply
        case.meter, case.restore = meter, restore_of(case.contact.switch, self._policy)
        case.see(supply.reported, stored=True)
        return case

    def _stagger(self, case: Case) -> None:
        case.next_at = self._loop.time() + case.staggered_s(self._policy, self._restores_open)

    async def _try(self, case: Case) -> None:
        """One try to bring the relay to the wanted state, whatever comes of it."""
        wanted = case.supply.wanted
        try:
            await self._bring(case, wanted)
        except LinkDown:
            # The outage is told once for the whole gateway; the case goes on when it is back.
            self._later(case, wanted)
        except (Refused, Unknown) as trouble:
            await self._unconfirmed(case, wanted, trouble)
        except TryAgain as held:
            log.info("switch_waits", meter=case.meter.id, generation=wanted.generation, **told(held))
            self._later(case, wanted)
        finally:
            case.busy = False
            self._stirred.set()

    async def _bring(self, case: Case, wanted: Wanted) -> None:
        if not self._bus.polling.trusts(case.meter.id):
            raise TryAgain("try_again.meter_not_trusted")
        if case.seen is None or not case.fresh or case.doubtful or not case.differs:
            reported = await self._look(case)
            if _reached(reported, wanted):
                await self._confirmed(case, wanted, reported)
                return
        self._hold_recuts(case, wanted)
        reported = await self._operate(case, wanted)
        if not _reached(reported, wanted):
            raise Unknown("unknown.relay_unmoved")
        await self._confirmed(case, wanted, reported)

    def _hold_recuts(self, case: Case, wanted: Wanted) -> None:
        """A breaker: relays that come on by themselves in numbers are not a matter for more cuts, but for a person."""
        if wanted.on or not case.was_confirmed:
            return
        now = self._loop.time()
        while self._recuts and now - self._recuts[0] > HOUR_S:
            self._recuts.popleft()
        if len(self._recuts) >= self._policy.cuts_a_site_hour:
            self._report(self._switchboard.recuts_held(case.meter.id, wanted.generation))
            raise TryAgain("try_again.recuts_held")
        self._recuts.append(now)

    async def _look(self, case: Case) -> Reported:
        """Reads the relay. Where a gap is open, a silent relay is unknown, and somebody must hear of it."""
        case.looked_at = self._loop.time()
        request = case.contact.switch.read_back.request
        try:
            reply = await self._bus.read(case.contact.unit, request, priority=Priority.READ_BACK)
        except LinkDown:
            raise
        except Trouble as trouble:
            if case.differs or case.doubtful:
                raise Unknown("unknown.relay_state") from trouble
            raise
        reported = self._told(case, reply)
        if reported is None:
            raise Unknown("unknown.relay_state")
        return reported

    def _told(self, case: Case, reply: bytes) -> Reported | None:
        """What the device says; None while it moves, or for words that mean nothing."""
        back = case.contact.switch.read_back
        if back.faulty_in(reply):
            raise Unknown("unknown.valve_fault")
        state, waits = back.state_in(reply), back.waits_in(reply)
        if state is None and not waits:
            return None
        reported = Reported(on=bool(state), at=self._clock.now(), waits=waits)
        case.see(reported)
        case.doubtful = False
        return reported

    async def _operate(self, case: Case, wanted: Wanted) -> Reported:
        """Writes once and reads back until the final state is there, a second time at least if a relay lags."""
        switch = case.contact.switch
        settle_s = switch.settle_ms / 1000
        reply = await self._bus.switch(
            case.contact.unit,
            switch.request(on=wanted.on, restore=case.restore),
            switch.read_back.request,
            settle_s=settle_s,
            expires_at=self._loop.time() + self._ttl_s,
            last_look=self._last_look(case, wanted),
        )
        reported, tries = self._told(case, reply), 1
        until = self._loop.time() + (switch.patience_ms - switch.settle_ms) / 1000
        while reported is None or not _reached(reported, wanted):
            now = self._loop.time()
            if tries >= READ_BACK_TRIES and now >= until:
                break
            await asyncio.sleep(2 * settle_s if until <= now else min(MOVING_S, until - now))
            reply = await self._read_back(case)
            reported, tries = self._told(case, reply), tries + 1
        if reported is None:
            raise Unknown("unknown.relay_state")
        return reported

    async def _read_back(self, case: Case) -> bytes:
        request = case.contact.switch.read_back.request
        try:
            return await self._bus.read(case.contact.unit, request, priority=Priority.READ_BACK)
        except LinkDown:
            raise
        except Trouble as trouble:
            raise Unknown("unknown.relay_state") from trouble

    def _last_look(self, case: Case, wanted: Wanted) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            if case.supply.wanted.generation != wanted.generation:
                return False
            allowed = await self._switchboard.may_switch(case.meter.id, wanted.generation, on=wanted.on)
            # From here on the write may leave at any moment, so its outcome counts as unknown until the relay is read.
            case.doubtful = case.doubtful or allowed
            return allowed

        return look

    async def _confirmed(self, case: Case, wanted: Wanted, reported: Reported) -> None:
        if case.must_prove and case.supply.wanted.generation == wanted.generation:
            if case.load is None or case.load.still < LOOKS:
                case.proving = wanted.generation
                log.info("cut_to_be_proved", meter=case.meter.id, generation=wanted.generation)
                return
            case.proving = -1
        await self._switchboard.record_switch(case.meter.id, wanted.generation, reported)
        case.confirmed = wanted.generation if not reported.waits else case.confirmed
        case.tries = 0

    async def _unconfirmed(self, case: Case, wanted: Wanted, trouble: Trouble) -> None:
        seen = None if case.doubtful else case.seen
        log.warning("switch_unconfirmed", meter=case.meter.id, generation=wanted.generation, **told(trouble))
        self._later(case, wanted)
        try:
            await self._switchboard.record_switch(case.meter.id, wanted.generation, seen)
        except (TryAgain, Unknown) as doubt:
            log.warning("switch_not_recorded", meter=case.meter.id, why=doubt.key)

    def _later(self, case: Case, wanted: Wanted) -> None:
        """The next try; a generation that came meanwhile does not wait."""
        if case.supply.wanted.generation == wanted.generation:
            case.later(self._loop.time())


def _place(meter: Meter) -> tuple[object, ...]:
    return meter.unit, meter.profile, meter.has_relay, meter.board, meter.board_unit, meter.board_channel


def _reached(reported: Reported, wanted: Wanted) -> bool:
    """Whether this is the wanted state, or as near to it as can be come without the person's hand."""
    return reported.on == wanted.on or (wanted.on and reported.waits)
