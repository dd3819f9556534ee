"""What a visitor of the demonstration can do to the house: run loads, let a day pass, pull a plug, block a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Self

from bot.channels.browser import BrowserAct
from chatwatt.demo.seed import FLATS, SHAPE, Flat
from sandbox.meters import SandboxGateway

HEAVY_W: Final = 9_000
"""Kettle, oven and heating together: credit goes while one watches."""
HURRY_W: Final = 12_000
"""As much as the wires carry: more would be taken for a broken meter, and rightly so."""
DAY_S_MAX: Final = 120.0
_LOOK_EVERY_S: Final = 0.2


class Acts:
    """The buttons behind the chats, over one simulated gateway. Leaving it ends what is under way."""

    def __init__(self, gateway: SandboxGateway) -> None:
        self._gateway = gateway
        self._heavy: set[str] = set()
        self._unplugged = False
        self._day: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._day is not None:
            self._day.cancel()
            await asyncio.gather(self._day, return_exceptions=True)

    def offered(self) -> Sequence[BrowserAct]:
        """A tenant's two buttons and the staff's two."""
        return (
            BrowserAct(name="load", call=self._load),
            BrowserAct(name="relay", call=self._relay),
            BrowserAct(name="day", call=self._let_a_day_pass, staff=True),
            BrowserAct(name="gateway", call=self._plug, staff=True),
        )

    def state(self, user: str) -> Mapping[str, bool]:
        """What of it is done now, as that user's column shows it."""
        flat = _flat(user)
        if flat is None:
            return {"day": self._is_passing, "gateway": self._unplugged}
        stuck = self._gateway.meter(flat.unit).faults.stuck_relay
        return {"load": user in self._heavy, "relay": stuck}

    async def day_over(self) -> None:
        """Returns when no day passes any more."""
        if self._day is not None:
            await self._day

    @property
    def _is_passing(self) -> bool:
        return self._day is not None and not self._day.done()

    async def _load(self, user: str) -> None:
        self._heavy ^= {user}
        if not self._is_passing:
            self._plug_in_loads()

    async def _relay(self, user: str) -> None:
        flat = _flat(user)
        if flat is not None:
            faults = self._gateway.meter(flat.unit).faults
            faults.stuck_relay = not faults.stuck_relay

    async def _plug(self, user: str) -> None:
        del user
        self._unplugged = not self._unplugged
        await (self._gateway.go_down() if self._unplugged else self._gateway.come_back())

    async def _let_a_day_pass(self, user: str) -> None:
        """Lets every flat use what it uses in a day; the clock stays, because money and holidays go by it."""
        del user
        if not self._is_passing:
            self._day = asyncio.create_task(self._pass())

    async def _pass(self) -> None:
        ends = {flat: self._gateway.meter(flat.unit).energy_wh + day_wh(flat) for flat in FLATS}
        try:
            async with asyncio.timeout(DAY_S_MAX):
                while ends:
                    for flat in ends:
                        self._gateway.meter(flat.unit).load_w = HURRY_W
                    await asyncio.sleep(_LOOK_EVERY_S)
                    ends = {flat: end for flat, end in ends.items() if self._uses(flat, end)}
                    self._plug_in_loads(but=ends)
        except TimeoutError:
            return
        finally:
            self._plug_in_loads()

    def _uses(self, flat: Flat, end_wh: float) -> bool:
        """Whether a flat has more to use: one that is dark uses nothing, whatever the day."""
        meter = self._gateway.meter(flat.unit)
        return meter.relay_closed and meter.energy_wh < end_wh

    def _plug_in_loads(self, *, but: Mapping[Flat, float] | None = None) -> None:
        for flat in FLATS:
            if flat not in (but or {}):
                heavy = flat.user.id in self._heavy
                self._gateway.meter(flat.unit).load_w = HEAVY_W if heavy else flat.load_w


def day_wh(flat: Flat) -> int:
    """What a flat uses in a day."""
    return flat.load_w * sum(SHAPE) // 1000


def _flat(user: str) -> Flat | None:
    return next((flat for flat in FLATS if flat.user.id == user), None)
