"""What a meter model is, as data: how to read it, how to switch it, what must never be written to it.

A model is one YAML file in `meters/profiles/`. The schema is strict, so that a slip in a file is found when it is
loaded and never on a bus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from meters import codec
from meters.codec import Decode, Order
from meters.links import requests
from meters.links.requests import Request

Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Word = Annotated[int, Field(ge=0, le=0xFFFF)]
WIDEST_READ = 125


class Measures(StrEnum):
    """What a register measures, with its unit."""

    ENERGY_WH = "energy_wh"
    """The cumulative register that is billed."""
    ENERGY_TOTAL_WH = "energy_total_wh"
    ENERGY_EXPORT_WH = "energy_export_wh"
    VOLTAGE_MV = "voltage_mv"
    CURRENT_MA = "current_ma"
    POWER_W = "power_w"
    FREQUENCY_MHZ = "frequency_mhz"


class Strict(BaseModel):
    """Unknown keys are mistakes, and a loaded profile never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Serial(Strict):
    """How the meter leaves the factory."""

    baud: int = Field(ge=300, le=921_600)
    format: Literal["8N1", "8E1", "8O1", "8N2"]
    unit: int = Field(ge=1, le=247)


class Read(Strict):
    """One read transaction."""

    function: Literal[3, 4]
    address: Address
    count: int = Field(ge=1, le=WIDEST_READ)

    @property
    def request(self) -> Request:
        """What goes on the wire."""
        return requests.read(self.function, self.address, self.count)

    def holds(self, address: int, count: int) -> bool:
        """Whether these registers lie within this read."""
        return self.address <= address and address + count <= self.address + self.count


class Register(Strict):
    """One number and how to understand it. `scale` turns the raw number into the unit of `measures`."""

    measures: Measures
    address: Address
    decode: Decode
    scale: Fraction = Field(gt=0)
    order: Order = Order.ABCD
    no_value: tuple[int, ...] = ()
    """Raw numbers by which this model says that it has no value."""

    @property
    def count(self) -> int:
        """Registers taken."""
        return codec.width(self.decode)

    def value(self, words: Sequence[int]) -> int | None:
        """The number in its unit, None where the meter has none."""
        number = codec.raw(words, self.decode, self.order)
        if number is None or number in self.no_value:
            return None
        return codec.scaled(number, self.scale)

    def words(self, value: Fraction) -> list[int]:
        """The registers that say `value`."""
        return codec.encode(value / self.scale, self.decode, self.order)


class RelayWrite(Strict):
    """How the relay is commanded."""

    function: Literal[5, 6, 16]
    address: Address
    closed: tuple[Word, ...] = Field(min_length=1, max_length=8)
    """Current flows."""
    open: tuple[Word, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.closed == self.open or len(self.closed) != len(self.open):
            raise ValueError("closed and open must differ in value and agree in length")
        if self.function != requests.WRITE_REGISTERS and len(self.closed) != 1:
            raise ValueError("functions 5 and 6 write one value")
        return self


class RelayReadBack(Strict):
    """Where the relay says what it did."""

    function: Literal[1, 3, 4]
    address: Address
    closed: Word
    open: Word
    mask: Word = 0xFFFF

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.closed & self.mask == self.open & self.mask:
            raise ValueError("closed and open must differ under the mask")
        return self

    @property
    def request(self) -> Request:
        """The short read that follows every switch."""
        return requests.read(self.function, self.address, 1)

    def state(self, word: int) -> bool | None:
        """On, off, or None for a word that means neither."""
        return {self.closed & self.mask: True, self.open & self.mask: False}.get(word & self.mask)

    def state_in(self, reply: bytes) -> bool | None:
        """What a reply to `request` says."""
        bit_read = self.function == requests.READ_COILS
        return self.state(requests.bits(reply, 1)[0] if bit_read else requests.words(reply)[0])


class Relay(Strict):
    """A relay is only a relay if it can be read back (S4)."""

    write: RelayWrite
    read_back: RelayReadBack
    settle_ms: int = Field(ge=0, le=10_000)
    """How long after the echo the read-back tells the truth."""

    def request(self, *, on: bool) -> Request:
        """The write that switches."""
        return requests.write(self.write.function, self.write.address, self.write.closed if on else self.write.open)


class Check(Strict):
    """Something that must be true of every reading if meter, map and address are the right ones (S11)."""

    name: str
    address: Address
    mask: Word = 0xFFFF
    shift: int = Field(default=0, ge=0, le=15)
    equals: int | Literal["unit"] | None = None
    between: tuple[Word, Word] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.equals is None) == (self.between is None):
            raise ValueError("a check either equals or lies between")
        return self

    def passes(self, word: int, unit: int) -> bool:
        """Whether the register says what it must."""
        value = (word & self.mask) >> self.shift
        if self.between is not None:
            return self.between[0] <= value <= self.between[1]
        return value == (unit if self.equals == "unit" else self.equals)


class Values(Strict):
    """What one poll of a meter says, in integer units, and the checks that it failed."""

    measured: Mapping[Measures, int]
    relay_on: bool | None
    failed_checks: tuple[str, ...]


class Profile(Strict):
    """One meter model."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    maker: str
    model: str
    sources: tuple[str, ...] = Field(min_length=1)
    serial: Serial
    max_registers: int = Field(ge=1, le=WIDEST_READ)
    turnaround_ms: int = Field(ge=0, le=1000)
    reads: tuple[Read, ...] = Field(min_length=1, max_length=8)
    registers: tuple[Register, ...]
    relay: Relay | None = None
    forbidden_writes: frozenset[Address] = frozenset()
    checks: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [register.measures for register in self.registers]
        if Measures.ENERGY_WH not in names or len(set(names)) != len(names):
            raise ValueError("the billed register is needed, and each figure once")
        if any(read.count > self.max_registers for read in self.reads):
            raise ValueError("a read is longer than the meter allows")
        spans = [(r.address, r.count) for r in self.registers] + [(check.address, 1) for check in self.checks]
        if not all(any(read.holds(*span) for read in self.reads) for span in spans):
            raise ValueError("every register and check must lie within one read")
        self._relay_is_safe()
        return self

    def _relay_is_safe(self) -> None:
        shapes: list[tuple[int, int]] = [(read.function, read.count) for read in self.reads]
        if self.relay is not None:
            write, back = self.relay.write, self.relay.read_back
            if self.forbidden_writes & set(range(write.address, write.address + len(write.closed))):
                raise ValueError("the relay's own write is forbidden")
            shapes.append((back.function, 1))
        # On RTU a late reply is told from the present one by its shape alone, so no two reads may share one.
        if len(set(shapes)) != len(shapes):
            raise ValueError("reads with one function must differ in length")

    @cached_property
    def relay_in_poll(self) -> bool:
        """Whether a poll already says what the relay does."""
        back = self.relay.read_back if self.relay is not None else None
        return back is not None and any(
            read.function == back.function and read.holds(back.address, 1) for read in self.reads
        )

    def values(self, replies: Sequence[Sequence[int]], unit: int) -> Values:
        """Understands one poll: the words of each read, in the order of `reads`."""
        measured = {}
        for register in self.registers:
            value = register.value(self._words(replies, register.address, register.count))
            if value is not None:
                measured[register.measures] = value
        failed = (c.name for c in self.checks if not c.passes(self._words(replies, c.address, 1)[0], unit))
        return Values(measured=measured, relay_on=self._relay_on(replies), failed_checks=tuple(failed))

    def _relay_on(self, replies: Sequence[Sequence[int]]) -> bool | None:
        if self.relay is None or not self.relay_in_poll:
            return None
        back = self.relay.read_back
        return back.state(self._words(replies, back.address, 1, function=back.function)[0])

    def _words(
        self, replies: Sequence[Sequence[int]], address: int, count: int, *, function: int | None = None
    ) -> Sequence[int]:
        for read, words in zip(self.reads, replies, strict=True):
            if read.holds(address, count) and function in (None, read.function):
                return words[address - read.address : address - read.address + count]
        raise LookupError(address)
