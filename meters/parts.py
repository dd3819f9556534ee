"""The parts of a profile that are read: figures, bands, alarms, serial number, ratios, checks, clock, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from meters import codec
from meters.codec import Decode, Order
from meters.links import requests
from meters.links.requests import Request

Address = Annotated[int, Field(ge=0, le=0xFFFF, strict=True)]
Word = Annotated[int, Field(ge=0, le=0xFFFF, strict=True)]
WIDEST_READ = 125


def _exact(value: Any) -> Any:
    """0.1 in a file means a tenth, not the binary fraction beside it."""
    return Fraction(repr(value)) if isinstance(value, float) else value


Scale = Annotated[Fraction, BeforeValidator(_exact), Field(gt=0)]


class Measures(StrEnum):
    """What a register measures, with its unit. Of a three-phase meter the plain names are the whole or phase 1."""

    ENERGY_WH = "energy_wh"
    """The cumulative register that is billed."""
    ENERGY_TOTAL_WH = "energy_total_wh"
    ENERGY_EXPORT_WH = "energy_export_wh"
    VOLUME_L = "volume_l"
    """The cumulative register of a water meter that is billed."""
    VOLUME_REVERSE_L = "volume_reverse_l"
    VOLTAGE_MV = "voltage_mv"
    VOLTAGE_L2_MV = "voltage_l2_mv"
    VOLTAGE_L3_MV = "voltage_l3_mv"
    CURRENT_MA = "current_ma"
    CURRENT_L2_MA = "current_l2_ma"
    CURRENT_L3_MA = "current_l3_ma"
    POWER_W = "power_w"
    REACTIVE_VAR = "reactive_var"
    POWER_FACTOR_PERMILLE = "power_factor_permille"
    FREQUENCY_MHZ = "frequency_mhz"
    FLOW_LPH = "flow_lph"
    BATTERY_MV = "battery_mv"
    REMAINING_L = "remaining_l"
    """What a meter with its own prepayment believes; never ours to bill by."""


BILLED = (Measures.ENERGY_WH, Measures.VOLUME_L)
BY_CURRENT = frozenset({m for m in Measures if m.startswith(("energy", "current", "power_w", "reactive"))})
BY_VOLTAGE = frozenset({m for m in Measures if m.startswith(("energy", "voltage", "power_w", "reactive"))})
"""What a transformer of current or voltage before the meter makes larger."""


class AlarmKind(StrEnum):
    """What a meter can complain about."""

    OVER_LIMIT = "over_limit"
    MALICIOUS_LOAD = "malicious_load"
    TAMPER = "tamper"
    REVERSE_FLOW = "reverse_flow"
    ARREARS = "arrears"
    LOW_CREDIT = "low_credit"
    FAULT = "fault"
    VALVE_FAULT = "valve_fault"
    BATTERY_LOW = "battery_low"
    EMPTY_PIPE = "empty_pipe"


class Strict(BaseModel):
    """Unknown keys are mistakes, and a loaded profile never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Serial(Strict):
    """How the meter leaves the factory."""

    baud: int = Field(ge=300, le=921_600)
    format: Literal["8N1", "8E1", "8O1", "8N2"]
    unit: int = Field(ge=1, le=247)
    assumed: bool = False
    """Not from the maker: the common setting, to be looked up on the device."""


class Read(Strict):
    """One read transaction."""

    function: Literal[3, 4]
    address: Address
    count: int = Field(ge=1, le=WIDEST_READ)

    @property
    def request(self) -> Request:
        """What goes on the wire."""
        return requests.read(self.function, self.address, self.count)

    def holds(self, address: int, count: int, function: int | None = None) -> bool:
        """Whether these registers lie within this read."""
        if function not in (None, self.function):
            return False
        return self.address <= address and address + count <= self.address + self.count


class Figure(Strict):
    """One number in the registers of a read."""

    address: Address
    decode: Decode
    order: Order = Order.ABCD
    function: Literal[3, 4] | None = None
    """Needed only where reads of both functions hold the address."""

    @property
    def count(self) -> int:
        """Registers taken."""
        return codec.width(self.decode)


class BandRegister(Figure):
    """The meter's own counter of one band. `scale` turns the raw number into Wh."""

    scale: Scale

    def words(self, value: Fraction) -> list[int]:
        """The registers that say `value`."""
        return codec.encode(value / self.scale, self.decode, self.order)


class Register(BandRegister):
    """One figure. `scale` turns the raw number into the unit of `measures`."""

    measures: Measures
    no_value: tuple[int, ...] = ()
    """Raw numbers by which this model says that it has no value."""

    def value(self, words: Sequence[int]) -> int | None:
        """The number in its unit, None where the meter has none."""
        number = codec.raw(words, self.decode, self.order)
        if number is None or number in self.no_value:
            return None
        return codec.scaled(number, self.scale)


class Ratio(Strict):
    """How much larger the real figure is than the one at the meter's terminals: from a register, or as installed."""

    figure: Scale | None = None
    """Of the transformers that are built in here. A copy of the profile for each ratio."""
    address: Address | None = None
    decode: Decode = Decode.U16
    order: Order = Order.ABCD
    scale: Scale = Fraction(1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.figure is None) == (self.address is None):
            raise PydanticCustomError("ratio_one_way", "a ratio has either a figure or a register")
        return self


class Identity(Strict):
    """Where the device says its own number, and how that becomes the text on its plate (S11)."""

    function: Literal[3, 4]
    address: Address
    count: int = Field(ge=1, le=16)
    decode: Literal["number", "bcd", "ascii"]
    order: Order = Order.ABCD
    digits: int = Field(default=0, ge=0, le=32)
    """Zeros in front up to this many digits, where the plate has them."""

    @property
    def read(self) -> Read:
        """Its own transaction: once after each connection, not with every poll."""
        return Read(function=self.function, address=self.address, count=self.count)

    @property
    def request(self) -> Request:
        """What goes on the wire."""
        return requests.read(self.function, self.address, self.count)

    def serial_of(self, words: Sequence[int]) -> str | None:
        """The serial number in these registers; None when there is none in them."""
        data = codec.ordered(codec.packed(words), self.order)
        if self.decode == "ascii":
            text = data.decode("ascii", "replace").strip(" \0\xff")
            return text if text and text.isascii() and text.isprintable() else None
        if self.decode == "bcd":
            text = data.hex()
            return text if text.isdecimal() and int(text) else None
        number = int.from_bytes(data, "big")
        empty = number in (0, (1 << 8 * len(data)) - 1)
        return None if empty else str(number).zfill(self.digits)

    def serial_in(self, reply: bytes) -> str | None:
        """What a reply to `request` says."""
        return self.serial_of(requests.words(reply))

    def words(self, serial: str) -> list[int]:
        """The registers of a device with this number."""
        size = 2 * self.count
        if self.decode == "ascii":
            data = serial.encode("ascii").ljust(size, b"\0")[:size]
        elif self.decode == "bcd":
            data = bytes.fromhex(serial.zfill(2 * size)[-2 * size :])
        else:
            data = (int(serial) % (1 << 8 * size)).to_bytes(size, "big")
        return codec.unpacked(codec.ordered(data, self.order))


class Alarm(Strict):
    """Bits by which the meter complains."""

    alarm: AlarmKind
    address: Address
    mask: Word = 0xFFFF
    equals: Word | None = None
    """None: any bit under the mask."""
    function: Literal[3, 4] | None = None

    def rings(self, word: int) -> bool:
        """Whether the register says so."""
        value = word & self.mask
        return bool(value) if self.equals is None else value == self.equals & self.mask


class Check(Strict):
    """Something that must be true of every reading if meter, map and address are the right ones (S11).

    Either of a raw register (`address`), or of a figure in its unit (`measures`).
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    address: Address | None = None
    measures: Measures | None = None
    function: Literal[3, 4] | None = None
    mask: Word = 0xFFFF
    shift: int = Field(default=0, ge=0, le=15)
    equals: int | Literal["unit"] | None = None
    between: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.equals is None) == (self.between is None) or (self.address is None) == (self.measures is None):
            raise PydanticCustomError("check_one_way", "a check has one place and one condition")
        return self

    def passes(self, word: int, unit: int) -> bool:
        """Whether the register says what it must."""
        return self.holds((word & self.mask) >> self.shift, unit)

    def holds(self, value: int, unit: int) -> bool:
        """Whether the figure is what it must be."""
        if self.between is not None:
            return self.between[0] <= value <= self.between[1]
        return value == (unit if self.equals == "unit" else self.equals)


class Commissioning(Figure):
    """A setting of the device that is looked at once, when it is commissioned."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    function: Literal[3, 4]
    scale: Scale = Fraction(1)
    equals: int | None = None
    between: tuple[int, int] | None = None
    why: str = Field(min_length=1)
    """What goes wrong otherwise, for whoever stands before the meter."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.equals is None) == (self.between is None):
            raise PydanticCustomError("check_one_way", "a check has one place and one condition")
        return self

    @property
    def request(self) -> Request:
        """What goes on the wire."""
        return requests.read(self.function, self.address, self.count)

    def value_in(self, reply: bytes) -> int | None:
        """What a reply to `request` says."""
        number = codec.raw(requests.words(reply), self.decode, self.order)
        return None if number is None else codec.scaled(number, self.scale)

    def passes(self, value: int | None) -> bool:
        """Whether the device is set as it must be."""
        if value is None:
            return False
        return value == self.equals if self.between is None else self.between[0] <= value <= self.between[1]


class Parameter(Figure):
    """A setting that may be read, and written where the profile says how. `scale` turns the raw number into `unit`."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    function: Literal[3, 4]
    scale: Scale = Fraction(1)
    unit: str = ""
    between: tuple[int, int]
    write_function: Literal[6, 16] | None = None
    """None: it is read only."""
    note: str = ""

    @model_validator(mode="after")
    def _writable(self) -> Self:
        if self.write_function == requests.WRITE_REGISTER and self.count > 1:
            raise PydanticCustomError("one_value", "functions 5 and 6 write one value")
        return self

    @property
    def request(self) -> Request:
        """Reads it."""
        return requests.read(self.function, self.address, self.count)

    def value_of(self, words: Sequence[int]) -> int | None:
        """The value in these registers, in `unit`; None where they hold no number."""
        number = codec.raw(words, self.decode, self.order)
        return None if number is None else codec.scaled(number, self.scale)

    def value_in(self, reply: bytes) -> int | None:
        """What a reply to `request` says."""
        return self.value_of(requests.words(reply))

    def write(self, value: int) -> Request:
        """Writes it. The caller has asked `allows`."""
        words = codec.encode(Fraction(value) / self.scale, self.decode, self.order)
        return requests.write(self.write_function or requests.WRITE_REGISTERS, self.address, words)

    def allows(self, value: int) -> bool:
        """Whether this value may be written."""
        return self.write_function is not None and self.between[0] <= value <= self.between[1]
