"""What a meter model is, as data: how to read it, how to switch it, what must never be written to it.

A model is one YAML file in `meters/profiles/`, or in the operator's own folder. The schema is strict, so that a slip in
a file is found when it is loaded and never on a bus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from meters import codec
from meters.clock_parts import Clock
from meters.decoding import HEAD_BYTES, Decoding, Values
from meters.parts import (
    WIDEST_READ,
    Address,
    Alarm,
    AlarmKind,
    BandRegister,
    Check,
    Commissioning,
    Identity,
    Measures,
    Parameter,
    Ratio,
    Read,
    Register,
    Serial,
    Strict,
)
from meters.profile_rules import Complaint, as_context, complaints
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

COMPLAINTS: Final = "complaints"
"""The kind of error that carries what `meters.profile_rules` found."""
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
                found = [Complaint("switch_forbidden", ("channels", "write", "address"))]
                raise PydanticCustomError(COMPLAINTS, "the parts do not fit together", as_context(found))
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
        found = complaints(self)
        if found:
            raise PydanticCustomError(COMPLAINTS, "the parts do not fit together", as_context(found))
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
        return self._decoding.values([bytes(HEAD_BYTES) + codec.packed(words) for words in replies], unit)

    @cached_property
    def understand(self) -> Callable[[Sequence[bytes], int], Values]:
        """As `values`, from the reply PDUs and the meter's address: the quick way, which every poll takes."""
        return self._decoding.values

    def slow_values(self, replies: Sequence[bytes]) -> Mapping[Measures, int]:
        """The figures of the slow reads, from their reply PDUs, in the order of `slow_reads`."""
        return self._decoding.slow(replies)

    def first_look_fails(self, replies: Sequence[bytes], unit: int) -> tuple[str, ...]:
        """Which checks of the commissioning a poll's reply PDUs do not pass, those of every reading among them."""
        return self._decoding.first_look(replies, unit)

    @cached_property
    def _decoding(self) -> Decoding:
        return Decoding(self)
