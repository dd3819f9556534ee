"""A meter that behaves as its profile says, with a load, a relay, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from meters.links import requests
from meters.profile import Check, Measures, Profile, Read

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
MAINS_MV = 230_000
MAINS_MHZ = 50_000
COIL_ON = 0xFF00


@dataclass(slots=True)
class Faults:
    """What is wrong with one meter or its path. `times` says for how many replies; None until it is cleared."""

    silent: bool = False
    no_path: bool = False
    """The gateway waits for its own timeout and answers with exception 0x0B."""
    exception_code: int | None = None
    garbled_crc: bool = False
    late_s: float = 0.0
    wrong_unit: bool = False
    wrong_function: bool = False
    wrong_length: bool = False
    wrong_echo: bool = False
    stuck_relay: bool = False
    """Writes are echoed, and the contact does not move."""
    times: int | None = None

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.__init__()  # type: ignore[misc]

    def used(self) -> None:
        """One more reply was spoilt."""
        if self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.clear()


class SandboxMeter:
    """One simulated meter. Energy advances only while the relay is closed."""

    def __init__(
        self, profile: Profile, unit: int, *, speed: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.profile = profile
        self.unit = unit
        self.faults = Faults()
        self.operations = 0
        self.writes = 0
        self.on_change: list[Callable[[SandboxMeter], None]] = []
        self._speed = speed
        self._monotonic = monotonic
        self._since = monotonic()
        self._energy_wh = 0.0
        self._load_w = 500
        self._closed = True
        self._changed = asyncio.Event()

    @property
    def relay_closed(self) -> bool:
        """The true state of the contact."""
        return self._closed

    @property
    def energy_wh(self) -> float:
        """The cumulative register, not yet rounded to the meter's step."""
        self._advance()
        return self._energy_wh

    @energy_wh.setter
    def energy_wh(self, value: float) -> None:
        self._advance()
        self._energy_wh = value

    @property
    def load_w(self) -> int:
        """What is plugged in; it draws only while the relay is closed."""
        return self._load_w

    @load_w.setter
    def load_w(self, value: int) -> None:
        self._advance()
        self._load_w = value

    def flip(self, *, closed: bool) -> None:
        """Somebody moves the contact by hand."""
        if closed == self._closed:
            return
        self._advance()
        self._closed = closed
        self.operations += 1
        self._changed.set()
        self._changed = asyncio.Event()
        for tell in self.on_change:
            tell(self)

    async def wait_relay(self, *, closed: bool, timeout_s: float = 5.0) -> None:
        """Returns when the contact is in that state. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while self._closed != closed:
                await self._changed.wait()

    def answer(self, pdu: bytes) -> bytes:
        """The reply of a healthy meter to a request PDU."""
        function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
        if function in (requests.READ_COILS, requests.READ_HOLDING, requests.READ_INPUT):
            return self._read(function, address, int.from_bytes(pdu[3:5], "big"))
        relay = self.profile.relay
        if relay is None or function != relay.write.function:
            return refuse(function, ILLEGAL_FUNCTION)
        if address != relay.write.address:
            return refuse(function, ILLEGAL_ADDRESS)
        return self._write(pdu)

    def _advance(self) -> None:
        now = self._monotonic()
        if self._closed:
            self._energy_wh += self._load_w * self._speed * (now - self._since) / 3600
        self._since = now

    def _write(self, pdu: bytes) -> bytes:
        relay = self.profile.relay
        orders = {relay.request(on=on).pdu: on for on in (True, False)} if relay is not None else {}
        if pdu not in orders:
            return refuse(pdu[0], ILLEGAL_VALUE)
        self.writes += 1
        if not self.faults.stuck_relay:
            self.flip(closed=orders[pdu])
        return pdu[: requests.ECHO_BYTES]

    def _read(self, function: int, address: int, count: int) -> bytes:
        if not 1 <= count <= self.profile.max_registers:
            return refuse(function, ILLEGAL_VALUE)
        image = self._image(function)
        wanted = range(address, address + count)
        if not image.keys() >= set(wanted):
            return refuse(function, ILLEGAL_ADDRESS)
        if function == requests.READ_COILS:
            bits = sum((image[at] & 1) << at - address for at in wanted)
            return bytes((function, (count + 7) // 8)) + bits.to_bytes((count + 7) // 8, "little")
        return bytes((function, 2 * count)) + b"".join(image[at].to_bytes(2, "big") for at in wanted)

    def _image(self, function: int) -> dict[int, int]:
        """Every address that this function can read now."""
        image: dict[int, int] = {}
        for read in self.profile.reads:
            if read.function == function:
                image |= dict.fromkeys(range(read.address, read.address + read.count), 0)
                image |= self._checked(read) | self._measured(read)
        relay = self.profile.relay
        if relay is not None and relay.read_back.function == function:
            image |= dict(
                enumerate(relay.read_back.flow if self._closed else relay.read_back.stop, relay.read_back.address)
            )
        return image

    def _measured(self, read: Read) -> dict[int, int]:
        words: dict[int, int] = {}
        for register in self.profile.registers:
            if read.holds(register.address, register.count):
                said = register.words(self._value(register.measures))
                words |= dict(enumerate(said, start=register.address))
        return words

    def _checked(self, read: Read) -> dict[int, int]:
        checks = [check for check in self.profile.checks if check.address is not None and read.holds(check.address, 1)]
        return {check.address or 0: _good_word(check, self.unit) for check in checks}

    def _value(self, measures: Measures) -> Fraction:
        watts = self._load_w if self._closed else 0
        return {
            Measures.ENERGY_WH: Fraction(int(self.energy_wh)),
            Measures.ENERGY_TOTAL_WH: Fraction(int(self.energy_wh)),
            Measures.ENERGY_EXPORT_WH: Fraction(0),
            Measures.VOLTAGE_MV: Fraction(MAINS_MV),
            Measures.CURRENT_MA: Fraction(watts * 1_000_000, MAINS_MV),
            Measures.POWER_W: Fraction(watts),
            Measures.FREQUENCY_MHZ: Fraction(MAINS_MHZ),
        }[measures]


def refuse(function: int, code: int) -> bytes:
    """An exception reply."""
    return bytes((function | requests.EXCEPTION_BIT, code))


def _good_word(check: Check, unit: int) -> int:
    if check.between is not None:
        value = sum(check.between) // 2
    else:
        value = check.equals if isinstance(check.equals, int) else unit
    return value << check.shift & check.mask
