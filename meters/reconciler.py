"""Brings relays to the state that is wanted. Level-triggered: it compares, acts, reads back, and compares again.

Before a frame leaves, the facts are looked at once more (`may_switch`); what the relay did is only what the read-back
says (S4). When a write is not answered the relay is read before anything is written again. One command is in flight for
a meter; a newer generation waits for it and then wins, and results of older ones change nothing (S6). A restart, or an
outage, means comparing again (S13).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from meters.bus import Bus
from meters.jobs import Priority
from meters.links.errors import LinkDown
from meters.profile import Relay
from meters.profiles import load_profile
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Outcome, Reported, Supply, Wanted
from prepaid.ports import Clock
from prepaid.usecases.views import BusPlan

log = structlog.get_logger()

SPACING_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses between the first tries; after them one try for each poll."""
READ_BACK_TRIES = 2
"""A relay that does not show the new state at once is read once more: some meters lag."""


def told(trouble: Trouble) -> dict[str, object]:
    """A trouble as fields of a log line."""
    return {"trouble": trouble.key, "of": trouble.params}


class Switchboard(Protocol):
    """The business as the reconciler sees it."""

    async def may_switch(self, meter_id: str, generation: int, *, on: bool) -> bool:
        """Whether the switch is still right; raises `TryAgain` in doubt."""

    async def record_switch(self, meter_id: str, generation: int, reported: Reported | None) -> None:
        """Stores what the relay said, or that it could not be asked."""


@dataclass(slots=True, eq=False)
class Case:
    """One supply and how far it is from what is wanted."""

    meter: Meter
    relay: Relay
    supply: Supply
    seen: Reported | None = None
    doubtful: bool = False
    """A write left and the relay was not read since: it is read before anything is written."""
    confirmed: int = -1
    """The newest generation that a read-back has confirmed."""
    tries: int = 0
    next_at: float = 0.0
    busy: bool = False

    def see(self, reported: Reported | None) -> None:
        """Keeps the newest word of the relay."""
        if reported is not None and (self.seen is None or reported.at >= self.seen.at):
            self.seen = reported

    @property
    def differs(self) -> bool:
        """Whether the relay was last seen in the other state."""
        return self.seen is not None and self.seen.on != self.supply.wanted.on

    @property
    def settled(self) -> bool:
        """Whether the wanted state was confirmed and nothing has been seen against it since."""
        confirmed = self.supply.outcome is Outcome.CONFIRMED or self.confirmed == self.supply.wanted.generation
        return confirmed and self.seen is not None and not self.differs and not self.doubtful

    def pause_s(self) -> float:
        """How long to wait before the next try."""
        if self.tries <= len(SPACING_S):
            return SPACING_S[max(0, self.tries - 1)]
        return max(SPACING_S[-1], float(self.meter.poll_every_s))


class Reconciler:
    """The wanted and the seen states of one bus."""

    def __init__(self, bus: Bus, switchboard: Switchboard, clock: Clock) -> None:
        self._bus = bus
        self._switchboard = switchboard
        self._clock = clock
        self._cases: dict[str, Case] = {}
        self._ttl_s = 0.0
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def update(self, plan: BusPlan) -> None:
        """What is wanted now. A newer generation is taken up at once."""
        self._ttl_s = float(plan.command_ttl_s)
        cases: dict[str, Case] = {}
        for meter in plan.meters:
            supply, relay = plan.supplies.get(meter.id), load_profile(meter.profile).relay
            if supply is not None and relay is not None and meter.has_relay:
                cases[meter.id] = self._case(meter, relay, supply)
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
            self._stirred.set()

    def hurry(self) -> None:
        """The gateway is back: whatever waited for its next try is tried now."""
        for case in self._cases.values():
            case.next_at = 0.0
        self._stirred.set()

    async def run(self) -> None:
        """Closes gaps until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._stirred.clear()
                now = self._loop.time()
                open_cases = [case for case in self._cases.values() if not case.busy and not case.settled]
                for case in open_cases:
                    if case.next_at <= now:
                        case.busy = True
                        tasks.create_task(self._try(case))
                await self._pause(min((c.next_at - now for c in open_cases if c.next_at > now), default=1.0))

    async def _pause(self, left_s: float) -> None:
        try:
            async with asyncio.timeout(left_s):
                await self._stirred.wait()
        except TimeoutError:
            return

    def _case(self, meter: Meter, relay: Relay, supply: Supply) -> Case:
        case = self._cases.get(meter.id)
        if case is None or case.meter.unit != meter.unit or case.meter.profile != meter.profile:
            case = Case(meter, relay, supply)
        if supply.wanted.generation > case.supply.wanted.generation:
            case.tries, case.next_at = 0, 0.0
        if supply.wanted.generation >= case.supply.wanted.generation:
            case.supply = supply
        case.meter = meter
        case.see(supply.reported)
        return case

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
        if case.seen is None or case.doubtful or not case.differs:
            reported = await self._look(case)
            if reported.on == wanted.on:
                await self._confirmed(case, wanted, reported)
                return
        reported = await self._operate(case, wanted)
        if reported.on != wanted.on:
            raise Unknown("unknown.relay_unmoved")
        await self._confirmed(case, wanted, reported)

    async def _look(self, case: Case) -> Reported:
        """Reads the relay. Where a gap is open, a silent relay is unknown, and somebody must hear of it."""
        request = case.relay.read_back.request
        try:
            reply = await self._bus.read(case.meter.unit, request, priority=Priority.READ_BACK)
        except LinkDown:
            raise
        except Trouble as trouble:
            if case.differs or case.doubtful:
                raise Unknown("unknown.relay_state") from trouble
            raise
        return self._told(case, reply)

    def _told(self, case: Case, reply: bytes) -> Reported:
        state = case.relay.read_back.state_in(reply)
        if state is None:
            raise Unknown("unknown.relay_state")
        reported = Reported(on=state, at=self._clock.now())
        case.see(reported)
        case.doubtful = False
        return reported

    async def _operate(self, case: Case, wanted: Wanted) -> Reported:
        """Writes once and reads back, a second time if the relay lags."""
        relay, settle_s = case.relay, case.relay.settle_ms / 1000
        reply = await self._bus.switch(
            case.meter.unit,
            relay.request(on=wanted.on),
            relay.read_back.request,
            settle_s=settle_s,
            expires_at=self._loop.time() + self._ttl_s,
            last_look=self._last_look(case, wanted),
        )
        reported = self._told(case, reply)
        for _ in range(1, READ_BACK_TRIES):
            if reported.on == wanted.on:
                break
            await asyncio.sleep(2 * settle_s)
            reported = await self._look(case)
        return reported

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
        await self._switchboard.record_switch(case.meter.id, wanted.generation, reported)
        case.confirmed = wanted.generation
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
        if case.supply.wanted.generation != wanted.generation:
            return
        case.tries += 1
        case.next_at = self._loop.time() + case.pause_s()
