"""Understands the reply PDUs of one poll by a profile. What can be worked out beforehand is worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from meters import codec
from meters.figures import Finder, Place, finder
from meters.parts import (
    BILLED,
    BY_CURRENT,
    BY_VOLTAGE,
    AlarmKind,
    BandRegister,
    Check,
    Measures,
    Ratio,
    Read,
    Register,
)
from prepaid.domain.tariffs.bands import Band

if TYPE_CHECKING:
    from meters.profile import Profile

Name = TypeVar("Name", Measures, Band)

KEPT_RATIOS = 8
HEAD_BYTES = 2
"""Function and byte count, which lie before the registers in a reply."""
NO_BANDS: Mapping[str, int] = MappingProxyType({})
"""Of a meter that counts in none, so that no reading of it makes an empty table."""
NO_RATIO = "ratio"
"""The check that fails when the meter names no transformer ratio: its figures mean nothing then."""


@dataclass(slots=True, kw_only=True)
class Values:
    """What one poll of a meter says, in integer units, and the checks that it failed.

    Not frozen, because one is made for every read, and freezing doubles what that costs.
    """

    measured: Mapping[Measures, int]
    relay_on: bool | None
    failed_checks: tuple[str, ...]
    bands: Mapping[str, int] = field(default_factory=dict)
    """The meter's own counters in Wh, by the names of `prepaid.domain.tariffs.bands.Band`."""
    alarms: tuple[AlarmKind, ...] = ()
    serial: str | None = None
    """The device's own number, where it was read with this poll or since the connection opened."""
    faulty: bool = False
    """The relay or valve says that it could not move."""

    @property
    def billed(self) -> int | None:
        """The cumulative register that bills follow: Wh, or litres of water."""
        return next((self.measured[name] for name in BILLED if name in self.measured), None)


@dataclass(frozen=True, slots=True)
class _Readers:
    """How to find every figure."""

    figures: Finder[Measures]
    bands: Finder[Band] | None
    slow: Finder[Measures]


@dataclass(frozen=True, slots=True)
class _Tested:
    """A check with its place worked out: the limits, or None for both where it is the meter's own address."""

    check: Check
    number: int
    at: int
    mask: int
    shift: int
    low: int | None
    high: int | None

    def passes(self, replies: Sequence[bytes], measured: Mapping[Measures, int], unit: int) -> bool:
        """Whether the reading has what it must."""
        if self.number < 0:
            value = measured.get(self.check.measures) if self.check.measures is not None else None
        else:
            value = ((replies[self.number][self.at] << 8 | replies[self.number][self.at + 1]) & self.mask) >> self.shift
        if value is None:
            return False
        return value == unit if self.low is None or self.high is None else self.low <= value <= self.high


class Decoding:
    """One profile at work."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._unit_ratio = (Fraction(1), Fraction(1))
        self._ratios = (self._ratio_reader(profile.ratios.ct), self._ratio_reader(profile.ratios.vt))
        self._by_ratio: dict[tuple[Fraction, Fraction], _Readers] = {}
        # Most meters have no ratio to look up, and hashing fractions for each reading would cost more than reading it.
        known = self._found_ratios(())
        self._fixed = None if known is None else self._made(*known)
        self._alarms = [(a, *self._place(profile.reads, a.address, 1, a.function)) for a in profile.alarms]
        self._checks = [self._tested(check) for check in profile.checks]
        self._first_look = [self._tested(check) for check in profile.first_look]
        self._serial_at = self._identity_place()
        back = profile.switch.read_back if profile.switch is not None and profile.relay_in_poll else None
        self._back = back
        more = self._checks or self._alarms or back or profile.bands or profile.identity
        self._plain = None if more or self._fixed is None else self._fixed.figures
        self._back_at = self._place(profile.reads, back.address, back.count, back.function) if back else (0, 0)

    def values(self, replies: Sequence[bytes], unit: int) -> Values:
        """Everything in a poll's replies."""
        if self._plain is not None:
            return Values(measured=self._plain(replies), relay_on=None, failed_checks=(), bands=NO_BANDS)
        ratios = self._unit_ratio if self._fixed is not None else self._found_ratios(replies)
        readers = self._fixed or self._readers(ratios or self._unit_ratio)
        measured = readers.figures(replies)
        failed = _failed(self._checks, replies, measured, unit) if self._checks else ()
        if ratios is None:
            measured = {name: value for name, value in measured.items() if name not in BY_CURRENT | BY_VOLTAGE}
            failed = (*failed, NO_RATIO)
        values = Values(measured=measured, relay_on=None, failed_checks=failed)
        if self._back is not None:
            back = self._back_words(replies)
            values.relay_on, values.faulty = self._back.state(back), self._back.faulty(back)
        if readers.bands and ratios:
            values.bands = {str(band): value for band, value in readers.bands(replies).items()}
        if self._alarms:
            values.alarms = tuple(
                a.alarm for a, number, at in self._alarms if a.rings(replies[number][at] << 8 | replies[number][at + 1])
            )
        if self._profile.identity is not None:
            values.serial = self._serial(replies)
        return values

    def slow(self, replies: Sequence[bytes]) -> Mapping[Measures, int]:
        """Everything in the slow reads' replies."""
        return (self._fixed or self._readers(self._unit_ratio)).slow(replies)

    def first_look(self, replies: Sequence[bytes], unit: int) -> tuple[str, ...]:
        """The checks of every reading and of the commissioning that these replies do not pass."""
        values = self.values(replies, unit)
        return (*values.failed_checks, *_failed(self._first_look, replies, values.measured, unit))

    def _tested(self, check: Check) -> _Tested:
        number, at = -1, 0
        if check.address is not None:
            number, at = self._place(self._profile.reads, check.address, 1, check.function)
        low, high = check.between or (None, None)
        if isinstance(check.equals, int):
            low = high = check.equals
        return _Tested(check, number, at, check.mask, check.shift, low, high)

    def _back_words(self, replies: Sequence[bytes]) -> list[int]:
        if self._back is None:
            return []
        number, at = self._back_at
        return codec.unpacked(replies[number][at : at + 2 * self._back.count])

    def _identity_place(self) -> tuple[int, int] | None:
        """Where the poll itself brings the serial number, if it does."""
        identity = self._profile.identity
        if identity is None:
            return None
        try:
            return self._place(self._profile.reads, identity.address, identity.count, identity.function)
        except LookupError:
            return None

    def _serial(self, replies: Sequence[bytes]) -> str | None:
        identity = self._profile.identity
        if identity is None or self._serial_at is None:
            return None
        number, at = self._serial_at
        return identity.serial_of(codec.unpacked(replies[number][at : at + 2 * identity.count]))

    # Ratios.

    def _ratio_reader(self, ratio: Ratio | None) -> Fraction | tuple[int, Ratio, int]:
        if ratio is None or ratio.figure is not None:
            return Fraction(1) if ratio is None or ratio.figure is None else ratio.figure
        number, at = self._place(self._profile.reads, ratio.address or 0, codec.width(ratio.decode), None)
        return number, ratio, at

    def _found_ratios(self, replies: Sequence[bytes]) -> tuple[Fraction, Fraction] | None:
        """The ratios of current and voltage; None when the meter names none."""
        found = []
        for known in self._ratios:
            if isinstance(known, Fraction):
                found.append(known)
                continue
            number, ratio, at = known
            if not replies:
                return None
            words = codec.unpacked(replies[number][at : at + 2 * codec.width(ratio.decode)])
            raw = codec.raw(words, ratio.decode, ratio.order)
            if raw is None or raw <= 0:
                return None
            found.append(raw * ratio.scale)
        return found[0], found[1]

    def _readers(self, ratios: tuple[Fraction, Fraction]) -> _Readers:
        """The readers for these ratios, which seldom change."""
        if ratios not in self._by_ratio:
            if len(self._by_ratio) >= KEPT_RATIOS:
                self._by_ratio.clear()
            self._by_ratio[ratios] = self._made(*ratios)
        return self._by_ratio[ratios]

    def _made(self, ct: Fraction, vt: Fraction) -> _Readers:
        profile = self._profile
        figures: list[Place[Measures]] = []
        slow: list[Place[Measures]] = []
        for register in profile.registers:
            grown = (ct if register.measures in BY_CURRENT else 1) * (vt if register.measures in BY_VOLTAGE else 1)
            for reads, into in ((profile.reads, figures), (profile.slow_reads, slow)):
                if any(read.holds(register.address, register.count, register.function) for read in reads):
                    into.append(self._figure(register.measures, reads, register, register.scale * grown))
                    break
        bands = [
            self._figure(band, profile.reads, register, register.scale * ct * vt)
            for band, register in profile.bands.items()
        ]
        return _Readers(finder(figures), finder(bands) if bands else None, finder(slow))

    def _figure(self, name: Name, reads: Sequence[Read], figure: BandRegister, scale: Fraction) -> Place[Name]:
        number, at = self._place(reads, figure.address, figure.count, figure.function)
        no_value = frozenset(figure.no_value) if isinstance(figure, Register) else frozenset()
        return Place(name, number, at, figure.decode, figure.order, scale, no_value)

    @staticmethod
    def _place(reads: Sequence[Read], address: int, count: int, function: int | None) -> tuple[int, int]:
        """The number of the read that holds these registers, and the byte in it at which they begin."""
        for number, read in enumerate(reads):
            if read.holds(address, count, function):
                return number, HEAD_BYTES + 2 * (address - read.address)
        raise LookupError(address)


def _failed(
    checks: Sequence[_Tested], replies: Sequence[bytes], measured: Mapping[Measures, int], unit: int
) -> tuple[str, ...]:
    return tuple(tested.check.name for tested in checks if not tested.passes(replies, measured, unit))
