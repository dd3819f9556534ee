"""What a meter model is, as data: how to read it, how to switch it, what must never be written to it.

A model is one YAML file in `meters/profiles/`, or in the operator's own folder. The schema is strict, so that a slip in
a file is found when it is loaded and never on a bus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from meters import codec
from meters.clock_parts import Clock
from meters.decoding import Decoding, Values
from meters.parts import (
    BILLED,
    BY_CURRENT,
    BY_VOLTAGE,
    WIDEST_READ,
    Address,
    Alarm,
    AlarmKind,
    BandRegister,
    Check,
    Commissioning,
    Figure,
    Identity,
    Measures,
    Parameter,
    Ratio,
    Read,
    Register,
    Serial,
    Strict,
)
from meters.switching import Channels, Proves, Relay, RelayWrite, Restore, Switch, Valve
from prepaid.domain.tariffs import Band, Utility

__all__ = [
    "AlarmKind",
    "Board",
    "Check",
    "Device",
    "Measures",
    "Profile",
    "Proves",
    "Read",
    "Register",
    "Relay",
    "Restore",
    "Switch",
    "Values",
    "Valve",
]

Sentence = Annotated[str, Field(min_length=1, max_length=300)]


class Device(Strict):
    """What every file says, whatever it describes."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    maker: Sentence
    model: Sentence
    variant: str = Field(default="", max_length=300)
    """Which firmware or sub-type this map is for, where there are several."""
    sources: tuple[Sentence, ...] = Field(min_length=1)
    template: Literal[False] = False
    """A template is not loaded; the loader says what is missing in it."""
    tried: bool = False
    """Whether anybody has tried this file on the real device."""
    cannot: tuple[Sentence, ...] = ()
    """What it cannot do, or what is not known, in plain words."""
    serial: Serial
    turnaround_ms: int = Field(ge=0, le=1000)
    forbidden_writes: frozenset[Address] = frozenset()
    """What would erase a counter or lose the meter: never written, whoever asks."""

    def may_write(self, address: int, count: int) -> bool:
        """Whether none of these registers is forbidden."""
        return not self.forbidden_writes & set(range(address, address + count))


class Board(Device):
    """A relay board, for meters without a relay of their own: a meter names the board and its channel."""

    kind: Literal["relay_board"]
    channels: Channels

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for number in self.channels.numbers:
            relay = self.channels.channel(number)
            if relay is None or not self.may_write(relay.write.address, 1):
                raise PydanticCustomError("switch_forbidden", "the switch's own write is forbidden")
        return self

    def channel(self, number: int) -> Relay | None:
        """The relay of that number, as printed on the board."""
        return self.channels.channel(number)


class Ratios(Strict):
    """Transformers before the meter, where its figures are those of their secondary side."""

    ct: Ratio | None = None
    vt: Ratio | None = None


class Profile(Device):
    """One meter model."""

    kind: Literal["meter"] = "meter"
    utility: Utility = Utility.ELECTRICITY
    phases: Literal[1, 3] = 1
    max_registers: int = Field(ge=1, le=WIDEST_READ)
    even_addresses: bool = False
    """The meter answers only reads that start at an even address and take an even number of registers."""
    gaps_readable: bool = False
    """Registers between the listed ones may be read too, so that two reads may be made one."""
    reads: tuple[Read, ...] = Field(min_length=1, max_length=8)
    """One poll."""
    slow_reads: tuple[Read, ...] = Field(default=(), max_length=8)
    """What is wanted now and then only."""
    registers: tuple[Register, ...]
    bands: Mapping[Band, BandRegister] = Field(default_factory=dict)
    """The meter's own counters by band."""
    register_wraps_wh: int | None = Field(default=None, gt=0)
    """At this figure the billed register shows 0 again; only where the maker says so."""
    ratios: Ratios = Ratios()
    identity: Identity | None = None
    relay: Relay | None = None
    valve: Valve | None = None
    blind_relay: RelayWrite | None = None
    """A relay whose state nobody knows how to read: told, and never used (S4)."""
    alarms: tuple[Alarm, ...] = ()
    clock: Clock | None = None
    parameters: tuple[Parameter, ...] = Field(default=(), max_length=64)
    checks: tuple[Check, ...] = ()
    """What must be true of every reading."""
    first_look: tuple[Check, ...] = ()
    """What must be true when the meter is commissioned, and may not always be later: a phase may fail."""
    commissioning: tuple[Commissioning, ...] = Field(default=(), max_length=16)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for complaint in self._complaints():
            raise complaint
        return self

    @property
    def switch(self) -> Switch | None:
        """What cuts and restores: the relay or the valve; None where the meter has none that can be read back."""
        return self.relay or self.valve

    @property
    def billed(self) -> Measures:
        """The figure that bills follow: Wh, or litres."""
        return Measures.VOLUME_L if self.utility is Utility.WATER else Measures.ENERGY_WH

    @property
    def billed_register(self) -> Register:
        """The register that bills follow."""
        return next(register for register in self.registers if register.measures is self.billed)

    @cached_property
    def relay_in_poll(self) -> bool:
        """Whether a poll already says what the relay or valve does."""
        back = self.switch.read_back if self.switch is not None else None
        return back is not None and any(read.holds(back.address, back.count, back.function) for read in self.reads)

    def values(self, replies: Sequence[Sequence[int]], unit: int) -> Values:
        """Understands one poll: the words of each read, in the order of `reads`."""
        return self._decoding.values([codec.packed(words) for words in replies], unit)

    def understand(self, replies: Sequence[bytes], unit: int) -> Values:
        """As `values`, from the reply PDUs: the quick way."""
        return self._decoding.values([reply[2:] for reply in replies], unit)

    def slow_values(self, replies: Sequence[bytes]) -> Mapping[Measures, int]:
        """The figures of the slow reads, from their reply PDUs, in the order of `slow_reads`."""
        return self._decoding.slow([reply[2:] for reply in replies])

    def first_look_fails(self, replies: Sequence[bytes], unit: int) -> tuple[str, ...]:
        """Which checks of the commissioning a poll's reply PDUs do not pass, those of every reading among them."""
        return self._decoding.first_look([reply[2:] for reply in replies], unit)

    @cached_property
    def _decoding(self) -> Decoding:
        return Decoding(self)

    # What can be wrong with a file beyond its fields.

    def _complaints(self) -> Iterator[PydanticCustomError]:
        yield from self._figures()
        yield from self._limits()
        yield from self._places()
        yield from self._switches()
        yield from self._writes()

    def _figures(self) -> Iterator[PydanticCustomError]:
        names = [register.measures for register in self.registers]
        if self.billed not in names:
            yield PydanticCustomError("not_billed", "no register measures {figure}", {"figure": self.billed})
        if set(BILLED) & set(names) - {self.billed}:
            yield PydanticCustomError("utility_mixed", "a meter counts energy or water")
        for name in names:
            if names.count(name) > 1:
                yield PydanticCustomError("figure_twice", "{figure} is measured twice", {"figure": name})

    def _limits(self) -> Iterator[PydanticCustomError]:
        for read in (*self.reads, *self.slow_reads):
            told = {"address": f"0x{read.address:04X}", "count": read.count}
            if read.count > self.max_registers:
                yield PydanticCustomError("read_too_long", "a read of {count} is longer than the meter allows", told)
            if self.even_addresses and (read.address % 2 or read.count % 2):
                yield PydanticCustomError("read_uneven", "this meter wants even reads", told)
        # On RTU a late reply is told from the present one by its shape alone, so no two reads may share one.
        shapes: list[tuple[int, int]] = [(read.function, read.count) for read in (*self.reads, *self.slow_reads)]
        if self.switch is not None and not self._read_back_is_a_read():
            shapes.append((self.switch.read_back.function, self.switch.read_back.span[1]))
        if len(set(shapes)) != len(shapes):
            yield PydanticCustomError("reads_alike", "reads with one function must differ in length")

    def _read_back_is_a_read(self) -> bool:
        back = self.switch.read_back if self.switch is not None else None
        return back is not None and any(
            (read.function, (read.address, read.count)) == (back.function, back.span) for read in self.reads
        )

    def _places(self) -> Iterator[PydanticCustomError]:
        everywhere = (*self.reads, *self.slow_reads)
        for figure, reads in self._placed(everywhere):
            span = (figure.address, figure.count if isinstance(figure, Figure) else 1)
            function = figure.function if isinstance(figure, (Figure, Alarm, Check)) else None
            holding = {read.function for read in reads if read.holds(span[0] or 0, span[1], function)}
            told = {"address": f"0x{figure.address:04X}"}
            if not holding:
                yield PydanticCustomError("outside_reads", "{address} lies in no read", told)
            if len(holding) > 1:
                yield PydanticCustomError("which_function", "{address}: say which function reads it", told)
        checks = (*self.checks, *self.first_look)
        if any(check.measures is not None and check.measures not in self._polled for check in checks):
            yield PydanticCustomError("check_unread", "a check of a figure that no poll reads")
        scaled = BY_CURRENT | BY_VOLTAGE
        if self._ratio_registers and any(r.measures in scaled and not self._in_poll(r) for r in self.registers):
            yield PydanticCustomError("slow_ratio", "figures with a ratio from a register belong to the poll")

    def _placed(self, everywhere: Sequence[Read]) -> Iterator[tuple[Any, Sequence[Read]]]:
        """Each thing with an address, and the reads that one of which must hold it."""
        for register in self.registers:
            yield register, self.reads if register.measures in BILLED else everywhere
        for thing in (*self.bands.values(), *self.alarms, *self._ratio_registers):
            yield thing, self.reads
        for check in (*self.checks, *self.first_look):
            if check.address is not None:
                yield check, self.reads

    @property
    def _ratio_registers(self) -> tuple[Ratio, ...]:
        return tuple(r for r in (self.ratios.ct, self.ratios.vt) if r is not None and r.address is not None)

    def _in_poll(self, register: Register) -> bool:
        return any(read.holds(register.address, register.count, register.function) for read in self.reads)

    @property
    def _polled(self) -> frozenset[Measures]:
        return frozenset(register.measures for register in self.registers if self._in_poll(register))

    def _switches(self) -> Iterator[PydanticCustomError]:
        if self.relay is not None and self.valve is not None:
            yield PydanticCustomError("two_switches", "a meter has a relay or a valve")
        if self.blind_relay is not None and self.switch is not None:
            yield PydanticCustomError("blind_and_seeing", "a relay that is read back is no blind one")
        if self.switch is not None and not self.may_write(self.switch.write.address, len(self.switch.write.flow)):
            yield PydanticCustomError("switch_forbidden", "the switch's own write is forbidden")

    def _writes(self) -> Iterator[PydanticCustomError]:
        for parameter in self.parameters:
            if parameter.write_function is not None and not self.may_write(parameter.address, parameter.count):
                told = {"name": parameter.name}
                yield PydanticCustomError("parameter_forbidden", "{name} is writable and forbidden", told)
        clock = self.clock
        if clock is not None and clock.write_function and not self.may_write(clock.address, clock.count):
            yield PydanticCustomError("clock_forbidden", "the clock's own write is forbidden")
