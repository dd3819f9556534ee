"""What a simulated meter shows in its registers: built from the profile, so that a YAML file is all a model needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from meters import codec
from meters.parts import BY_CURRENT, BY_VOLTAGE, AlarmKind, Check, Commissioning, Measures, Ratio
from meters.profile import Profile
from prepaid.domain.tariffs.bands import Band

Cells = dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The truth about the device at one instant."""

    unit: int
    figures: Mapping[Measures, Fraction]
    bands: Mapping[Band, Fraction]
    serial: str
    alarms: frozenset[AlarmKind]
    closed: bool | None
    """None while a valve moves."""
    waits: bool
    faulty: bool
    ct: Fraction
    vt: Fraction


def image(profile: Profile, function: int, shown: Shown, settings: Mapping[int, int]) -> Cells:
    """Every address that this function can read now. `settings` is what was written to settings since."""
    cells: Cells = {}
    for read in (*profile.reads, *profile.slow_reads):
        if read.function == function:
            cells |= dict.fromkeys(range(read.address, read.address + read.count), 0)
    _settings(profile, function, cells)
    cells |= {address: word for address, word in settings.items() if address in cells}
    for check in (*profile.first_look, *profile.checks):
        if check.address in cells and check.function in (None, function):
            cells[check.address] = good_word(check, shown.unit)
    _figures(profile, function, shown, cells)
    _state(profile, function, shown, cells)
    _alarms(profile, function, shown, cells)
    return cells


def _put(cells: Cells, address: int, words: list[int] | tuple[int, ...]) -> None:
    cells |= dict(enumerate(words, start=address))


def _settings(profile: Profile, function: int, cells: Cells) -> None:
    for setting in profile.commissioning:
        if setting.function == function:
            _put(cells, setting.address, codec.encode(_good(setting) / setting.scale, setting.decode, setting.order))
    for parameter in profile.parameters:
        if parameter.function == function:
            first = Fraction(parameter.between[0])
            said = codec.encode(first / parameter.scale, parameter.decode, parameter.order)
            for at, word in enumerate(said, start=parameter.address):
                cells.setdefault(at, word)
    if profile.clock is not None and profile.clock.function == function:
        _put(cells, profile.clock.address, [0] * profile.clock.count)


def _good(setting: Commissioning) -> Fraction:
    if setting.between is None:
        return Fraction(setting.equals or 0)
    return Fraction(sum(setting.between) // 2)


def _figures(profile: Profile, function: int, shown: Shown, cells: Cells) -> None:
    for ratio, value in ((profile.ratios.ct, shown.ct), (profile.ratios.vt, shown.vt)):
        if ratio is not None and ratio.address in cells:
            _put(cells, ratio.address, codec.encode(value / ratio.scale, ratio.decode, ratio.order))
    for register in profile.registers:
        if register.address in cells and register.function in (None, function) and register.measures in shown.figures:
            value = shown.figures[register.measures] / _grown(shown, register.measures)
            _put(cells, register.address, codec.encode(value / register.scale, register.decode, register.order))
    for band, counter in profile.bands.items():
        if counter.address in cells and counter.function in (None, function):
            value = shown.bands.get(band, Fraction(0)) / (shown.ct * shown.vt)
            _put(cells, counter.address, codec.encode(value / counter.scale, counter.decode, counter.order))
    identity = profile.identity
    if identity is not None and identity.function == function:
        _put(cells, identity.address, identity.words(shown.serial))


def _grown(shown: Shown, measures: Measures) -> Fraction:
    return (shown.ct if measures in BY_CURRENT else Fraction(1)) * (shown.vt if measures in BY_VOLTAGE else Fraction(1))


def _state(profile: Profile, function: int, shown: Shown, cells: Cells) -> None:
    back = profile.switch.read_back if profile.switch is not None else None
    if back is None or back.function != function:
        return
    words = (0,) * back.count
    if shown.waits and back.allowed is not None:
        words = back.allowed
    elif shown.closed is not None:
        words = back.flow if shown.closed else back.stop
    if shown.faulty and back.fault is not None:
        words = tuple(word | fault for word, fault in zip(words, back.fault, strict=True))
    _put(cells, back.address, words)


def _alarms(profile: Profile, function: int, shown: Shown, cells: Cells) -> None:
    for alarm in profile.alarms:
        if alarm.alarm in shown.alarms and alarm.address in cells and alarm.function in (None, function):
            value = alarm.mask if alarm.equals is None else alarm.equals & alarm.mask
            cells[alarm.address] = cells[alarm.address] & ~alarm.mask & 0xFFFF | value


def good_word(check: Check, unit: int) -> int:
    """A register that passes the check."""
    if check.between is not None:
        value = sum(check.between) // 2
    else:
        value = check.equals if isinstance(check.equals, int) else unit
    return value << check.shift & check.mask


def built_in(ratio: Ratio | None) -> Fraction:
    """The ratio that a device of this profile has unless told otherwise."""
    return Fraction(1) if ratio is None or ratio.figure is None else ratio.figure
