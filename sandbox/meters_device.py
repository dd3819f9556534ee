"""A meter that behaves as its profile says, with a load, a relay or valve, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

from meters import codec
from meters.links import requests
from meters.parts import AlarmKind, Measures
from meters.profile import Board, Profile, Relay
from prepaid.domain.tariffs import Utility
from prepaid.domain.tariffs.bands import Band
from sandbox.meters_faults import Faults
from sandbox.meters_image import Shown, built_in, image
from sandbox.meters_load import STEADY, in_bands, used_hours

__all__ = ["Faults", "SandboxBoard", "SandboxMeter", "refuse"]

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
MAINS_MV = 230_000
MAINS_MHZ = 50_000
BATTERY_MV = 3_600
READS = (requests.READ_COILS, requests.READ_HOLDING, requests.READ_INPUT)


class SandboxMeter:
    """One simulated meter. Energy (or water) advances only while the contact (or valve) lets it."""

    def __init__(
        self,
        profile: Profile,
        unit: int,
        *,
        speed: float,
        monotonic: Callable[[], float] = time.monotonic,
        curve: Sequence[float] = STEADY,
        day_s: float = 0.0,
    ) -> None:
        self.profile = profile
        self.unit = unit
        self.faults = Faults()
        self.operations = 0
        self.writes = 0
        self.on_change: list[Callable[[SandboxMeter], None]] = []
        self.serial = f"{10_000_000 + unit}"
        self.alarms: set[AlarmKind] = set()
        self.curve = curve
        self.takes_s = 0.0
        """How long the contact or valve takes to move."""
        self.ct, self.vt = built_in(profile.ratios.ct), built_in(profile.ratios.vt)
        self.settings: dict[int, int] = {}
        """What was written to settings and the clock."""
        self._speed = speed
        self._monotonic = monotonic
        self._since = monotonic()
        self._day_s = day_s - self._since * speed
        self._energy_wh = 0.0
        self._bands = dict.fromkeys(profile.bands, 0.0)
        self._load_w = 500
        self._closed = True
        self._moving: asyncio.TimerHandle | None = None
        self._waits = False
        self._changed = asyncio.Event()

    @property
    def form(self) -> str:
        """Its characters on the wire."""
        return self.profile.serial.format

    @property
    def turnaround_s(self) -> float:
        """How long it thinks."""
        return self.profile.turnaround_ms / 1000

    @property
    def relay_closed(self) -> bool:
        """The true state of the contact; of a valve, whether water flows."""
        return self._closed

    @property
    def energy_wh(self) -> float:
        """The cumulative register, not yet rounded to the meter's step; of a water meter in litres."""
        self._advance()
        return self._energy_wh

    @energy_wh.setter
    def energy_wh(self, value: float) -> None:
        self._advance()
        self._energy_wh = value

    @property
    def bands(self) -> dict[Band, float]:
        """The counters by band, in Wh."""
        self._advance()
        return self._bands

    @property
    def load_w(self) -> int:
        """What is plugged in (litres an hour of a water meter); it draws only while the contact is closed."""
        return self._load_w

    @load_w.setter
    def load_w(self, value: int) -> None:
        self._advance()
        self._load_w = value

    def swap(self, serial: str, *, energy_wh: float = 0.0) -> None:
        """Another device of the model hangs at this address now."""
        self._advance()
        self.serial, self._energy_wh = serial, energy_wh
        self._bands = dict.fromkeys(self.profile.bands, 0.0)

    def flip(self, *, closed: bool) -> None:
        """Somebody, or a relay before the meter, moves the contact."""
        self._waits = False
        if closed == self._closed:
            return
        self._advance()
        self._closed = closed
        self.operations += 1
        self._changed.set()
        self._changed = asyncio.Event()
        for tell in self.on_change:
            tell(self)

    def press_button(self) -> None:
        """The person closes a meter that was allowed to close."""
        if self._waits:
            self.flip(closed=True)

    async def wait_relay(self, *, closed: bool, timeout_s: float = 5.0) -> None:
        """Returns when the contact is in that state. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while self._closed != closed:
                await self._changed.wait()

    def answer(self, pdu: bytes) -> bytes:
        """The reply of a healthy meter to a request PDU."""
        function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
        if function in READS:
            return self._read(function, address, int.from_bytes(pdu[3:5], "big"))
        switch = self.profile.switch
        if switch is not None and (function, address) == (switch.write.function, switch.write.address):
            return self._order(pdu)
        setting = self._setting(function, address, pdu)
        if setting is not None:
            return setting
        functions = {switch.write.function} if switch is not None else set()
        functions |= {p.write_function for p in self.profile.parameters if p.write_function is not None}
        return refuse(function, ILLEGAL_ADDRESS if function in functions else ILLEGAL_FUNCTION)

    @property
    def _flows(self) -> bool:
        return self._closed or self.faults.welded

    def _advance(self) -> None:
        now = self._monotonic()
        if self._flows and now > self._since:
            since_s, until_s = (self._day_s + at * self._speed for at in (self._since, now))
            hours = used_hours(since_s, until_s, self.curve)
            self._energy_wh += self._load_w * sum(hours)
            for band, share in in_bands(hours, tuple(self._bands)).items():
                self._bands[band] += self._load_w * share
        self._since = now

    # Writes.

    def _order(self, pdu: bytes) -> bytes:
        switch = self.profile.switch
        if switch is None:
            return refuse(pdu[0], ILLEGAL_FUNCTION)
        orders = {switch.request(on=on).pdu: on for on in (True, False)}
        allow = switch.request(on=True, restore=switch.restores[-1]).pdu
        if pdu not in orders and pdu != allow:
            return refuse(pdu[0], ILLEGAL_VALUE)
        self.writes += 1
        if not self.faults.stuck:
            self._waits = pdu == allow and pdu not in orders and not self._closed
            if pdu in orders:
                self._move(closed=orders[pdu])
        return pdu[: requests.ECHO_BYTES]

    def _move(self, *, closed: bool) -> None:
        if self._moving is not None:
            self._moving.cancel()
            self._moving = None
        if self.takes_s <= 0 or closed == self._closed:
            self.flip(closed=closed)
            return
        self._moving = asyncio.get_running_loop().call_later(self.takes_s, self._moved, closed)

    def _moved(self, closed: bool) -> None:
        self._moving = None
        self.flip(closed=closed)

    def _setting(self, function: int, address: int, pdu: bytes) -> bytes | None:
        """A parameter or the clock is set; None when nothing that can be set lies there."""
        words = [int.from_bytes(pdu[3:5], "big")] if function == requests.WRITE_REGISTER else codec.unpacked(pdu[6:])
        for parameter in self.profile.parameters:
            if (parameter.write_function, parameter.address, parameter.count) == (function, address, len(words)):
                raw = codec.raw(words, parameter.decode, parameter.order)
                if raw is None or not parameter.allows(codec.scaled(raw, parameter.scale)):
                    return refuse(function, ILLEGAL_VALUE)
                return self._keep(address, words, pdu)
        clock = self.profile.clock
        if clock is not None and (clock.write_function, clock.address, clock.count) == (function, address, len(words)):
            return self._keep(address, words, pdu) if clock.time_of(words) else refuse(function, ILLEGAL_VALUE)
        return None

    def _keep(self, address: int, words: Sequence[int], pdu: bytes) -> bytes:
        self.settings |= dict(enumerate(words, start=address))
        return pdu[: requests.ECHO_BYTES]

    # Reads.

    def _read(self, function: int, address: int, count: int) -> bytes:
        if not 1 <= count <= self.profile.max_registers:
            return refuse(function, ILLEGAL_VALUE)
        cells = image(self.profile, function, self._shown(), self.settings)
        wanted = range(address, address + count)
        if not cells.keys() >= set(wanted) or self._uneven(function, address, count):
            return refuse(function, ILLEGAL_ADDRESS)
        return said(function, [cells[at] for at in wanted])

    def _uneven(self, function: int, address: int, count: int) -> bool:
        if not self.profile.even_addresses or not (address % 2 or count % 2):
            return False
        return any(read.holds(address, count, function) for read in (*self.profile.reads, *self.profile.slow_reads))

    def _shown(self) -> Shown:
        return Shown(
            unit=self.unit,
            figures=self._figures(),
            bands={band: Fraction(int(value)) for band, value in self.bands.items()},
            serial=self.serial,
            alarms=frozenset(self.alarms),
            closed=None if self._moving is not None else self._closed,
            waits=self._waits,
            faulty=self.faults.switch_fault,
            ct=self.ct,
            vt=self.vt,
        )

    def _figures(self) -> dict[Measures, Fraction]:
        counted = Fraction(int(self.energy_wh))
        if self.profile.register_wraps_wh is not None:
            counted %= self.profile.register_wraps_wh
        running = self._load_w if self._flows else 0
        if self.profile.utility is Utility.WATER:
            return {
                Measures.VOLUME_L: counted,
                Measures.VOLUME_REVERSE_L: Fraction(0),
                Measures.FLOW_LPH: Fraction(running),
                Measures.BATTERY_MV: Fraction(BATTERY_MV),
                Measures.REMAINING_L: Fraction(0),
            }
        mains, amps = Fraction(MAINS_MV), Fraction(running * 1_000_000, MAINS_MV)
        return {
            Measures.ENERGY_WH: counted,
            Measures.ENERGY_TOTAL_WH: counted,
            Measures.ENERGY_EXPORT_WH: Fraction(0),
            Measures.VOLTAGE_MV: mains,
            Measures.VOLTAGE_L2_MV: mains,
            Measures.VOLTAGE_L3_MV: mains,
            Measures.CURRENT_MA: amps / self.profile.phases,
            Measures.CURRENT_L2_MA: amps / 3,
            Measures.CURRENT_L3_MA: amps / 3,
            Measures.POWER_W: Fraction(running),
            Measures.REACTIVE_VAR: Fraction(0),
            Measures.POWER_FACTOR_PERMILLE: Fraction(1000),
            Measures.FREQUENCY_MHZ: Fraction(MAINS_MHZ),
        }


class SandboxBoard:
    """A relay board. `wire` puts a meter behind one of its relays."""

    def __init__(self, board: Board, unit: int) -> None:
        self.board = board
        self.unit = unit
        self.faults = Faults()
        self.writes = 0
        self._relays = {number: relay for number in board.channels.numbers if (relay := board.channel(number))}
        self._closed = dict.fromkeys(self._relays, True)
        self._behind: dict[int, SandboxMeter] = {}

    @property
    def form(self) -> str:
        """Its characters on the wire."""
        return self.board.serial.format

    @property
    def turnaround_s(self) -> float:
        """How long it thinks."""
        return self.board.turnaround_ms / 1000

    def wire(self, channel: int, meter: SandboxMeter) -> None:
        """This meter's supply goes through that relay."""
        self._behind[channel] = meter

    def closed(self, channel: int) -> bool:
        """The true state of a relay."""
        return self._closed[channel]

    def answer(self, pdu: bytes) -> bytes:
        """The reply of a healthy board."""
        function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
        if function in READS:
            return self._read(function, address, int.from_bytes(pdu[3:5], "big"))
        for channel, relay in self._relays.items():
            orders = {relay.request(on=on).pdu: on for on in (True, False)}
            if pdu in orders:
                self._order(channel, closed=orders[pdu])
                return pdu[: requests.ECHO_BYTES]
        known = self.board.channels.write.function
        return refuse(function, ILLEGAL_ADDRESS if function == known else ILLEGAL_FUNCTION)

    def _order(self, channel: int, *, closed: bool) -> None:
        self.writes += 1
        if self.faults.stuck:
            return
        self._closed[channel] = closed
        if channel in self._behind:
            self._behind[channel].flip(closed=closed)

    def _read(self, function: int, address: int, count: int) -> bytes:
        cells: dict[int, int] = {}
        for channel, relay in self._relays.items():
            cells |= self._told(function, relay, closed=self._closed[channel])
        wanted = range(address, address + count)
        if not cells.keys() >= set(wanted) or not count:
            return refuse(function, ILLEGAL_ADDRESS)
        return said(function, [cells[at] for at in wanted])

    @staticmethod
    def _told(function: int, relay: Relay, *, closed: bool) -> dict[int, int]:
        back = relay.read_back
        if back.function != function:
            return {}
        return dict(enumerate(back.flow if closed else back.stop, start=back.address))


def said(function: int, words: Sequence[int]) -> bytes:
    """The reply to a read."""
    if function != requests.READ_COILS:
        return bytes((function, 2 * len(words))) + codec.packed(words)
    count = (len(words) + 7) // 8
    bits = sum((word & 1) << at for at, word in enumerate(words))
    return bytes((function, count)) + bits.to_bytes(count, "little")


def refuse(function: int, code: int) -> bytes:
    """An exception reply."""
    return bytes((function | requests.EXCEPTION_BIT, code))
