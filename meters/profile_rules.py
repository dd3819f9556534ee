"""What can be wrong with a profile beyond its single fields: reads that do not fit, orders that are forbidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meters.parts import BILLED, BY_CURRENT, BY_VOLTAGE, Alarm, Check, Figure, Measures, Ratio, Read

if TYPE_CHECKING:
    from meters.profile import Profile

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, and where it stands in the file."""

    code: str
    place: Place
    params: Mapping[str, str] = field(default_factory=dict)


def complaints(profile: Profile) -> tuple[Complaint, ...]:
    """All of them, so that a file is mended in one go."""
    return (
        *_figures(profile),
        *_lengths(profile),
        *_shapes(profile),
        *_places(profile),
        *_checks(profile),
        *_switches(profile),
        *_writes(profile),
    )


def _figures(profile: Profile) -> Iterator[Complaint]:
    names = [register.measures for register in profile.registers]
    if profile.billed not in names:
        yield Complaint("not_billed", ("registers",), {"figure": profile.billed})
    for number, name in enumerate(names):
        if name in BILLED and name is not profile.billed:
            yield Complaint("utility_mixed", ("registers", number, "measures"))
        if name in names[:number]:
            yield Complaint("figure_twice", ("registers", number, "measures"), {"figure": name})


def _lengths(profile: Profile) -> Iterator[Complaint]:
    for place, read in _all_reads(profile):
        told = {"address": f"0x{read.address:04X}", "count": str(read.count)}
        if read.count > profile.max_registers:
            yield Complaint("read_too_long", place, told)
        if profile.even_addresses and (read.address % 2 or read.count % 2):
            yield Complaint("read_uneven", place, told)


def _all_reads(profile: Profile) -> Iterator[tuple[Place, Read]]:
    for name, reads in (("reads", profile.reads), ("slow_reads", profile.slow_reads)):
        for number, read in enumerate(reads):
            yield (name, number), read


def _shapes(profile: Profile) -> Iterator[Complaint]:
    """On RTU a late reply is told from the present one by its shape alone, so no two reads may share one."""
    seen: set[tuple[int, int]] = set()
    for place, read in _all_reads(profile):
        if (read.function, read.count) in seen:
            yield Complaint("reads_alike", place)
        seen.add((read.function, read.count))
    back = profile.switch.read_back if profile.switch is not None else None
    polled = {(read.function, (read.address, read.count)) for read in profile.reads}
    if back is None or (back.function, back.span) in polled:
        return
    if (back.function, back.span[1]) in seen:
        yield Complaint("reads_alike", ("relay" if profile.relay is not None else "valve", "read_back"))


def _places(profile: Profile) -> Iterator[Complaint]:
    for place, thing, reads in _placed(profile):
        count = thing.count if isinstance(thing, Figure) else 1
        function = None if isinstance(thing, Ratio) else thing.function
        address = thing.address or 0
        holding = {read.function for read in reads if read.holds(address, count, function)}
        told = {"address": f"0x{address:04X}"}
        if not holding:
            yield Complaint("outside_reads", (*place, "address"), told)
        if len(holding) > 1:
            yield Complaint("which_function", (*place, "address"), told)


def _placed(profile: Profile) -> Iterator[tuple[Place, Figure | Alarm | Check | Ratio, Sequence[Read]]]:
    """Each thing with an address, where it stands, and the reads of which one must hold it."""
    everywhere = (*profile.reads, *profile.slow_reads)
    for number, register in enumerate(profile.registers):
        yield ("registers", number), register, profile.reads if register.measures in BILLED else everywhere
    for band, counter in profile.bands.items():
        yield ("bands", str(band)), counter, profile.reads
    for number, alarm in enumerate(profile.alarms):
        yield ("alarms", number), alarm, profile.reads
    for name, ratio in _ratio_registers(profile):
        yield ("ratios", name), ratio, profile.reads
    for place, check in _all_checks(profile):
        if check.address is not None:
            yield place, check, profile.reads


def _all_checks(profile: Profile) -> Iterator[tuple[Place, Check]]:
    for name, checks in (("checks", profile.checks), ("first_look", profile.first_look)):
        for number, check in enumerate(checks):
            yield (name, number), check


def _ratio_registers(profile: Profile) -> Iterator[tuple[str, Ratio]]:
    for name, ratio in (("ct", profile.ratios.ct), ("vt", profile.ratios.vt)):
        if ratio is not None and ratio.address is not None:
            yield name, ratio


def _checks(profile: Profile) -> Iterator[Complaint]:
    polled: set[Measures] = set()
    by_register = any(True for _ in _ratio_registers(profile))
    for number, register in enumerate(profile.registers):
        if any(read.holds(register.address, register.count, register.function) for read in profile.reads):
            polled.add(register.measures)
        elif by_register and register.measures in BY_CURRENT | BY_VOLTAGE:
            yield Complaint("slow_ratio", ("registers", number))
    for place, check in _all_checks(profile):
        if check.measures is not None and check.measures not in polled:
            yield Complaint("check_unread", (*place, "measures"))


def _switches(profile: Profile) -> Iterator[Complaint]:
    if profile.relay is not None and profile.valve is not None:
        yield Complaint("two_switches", ("valve",))
    if profile.blind_relay is not None and profile.switch is not None:
        yield Complaint("blind_and_seeing", ("blind_relay",))
    if profile.switch is not None and not _may(profile, profile.switch.write.addresses):
        place = "relay" if profile.relay is not None else "valve"
        yield Complaint("switch_forbidden", (place, "write", "address"))


def _writes(profile: Profile) -> Iterator[Complaint]:
    for number, parameter in enumerate(profile.parameters):
        if parameter.write_function is not None and not profile.may_write(parameter.address, parameter.count):
            yield Complaint("parameter_forbidden", ("parameters", number), {"name": parameter.name})
    clock = profile.clock
    if clock is not None and clock.write_function and not profile.may_write(clock.address, clock.count):
        yield Complaint("clock_forbidden", ("clock", "address"))


def _may(profile: Profile, addresses: range) -> bool:
    return profile.may_write(addresses.start, len(addresses))


def as_context(found: Sequence[Complaint]) -> dict[str, Any]:
    """For pydantic's error, which carries them to whoever tells them."""
    return {"complaints": list(found)}
